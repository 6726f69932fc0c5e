"""What a workflow can reach. `app.wiring` composes the real one."""

from __future__ import annotations

from typing import Protocol

from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import Installation
from holdfast.engines.postgresql.doors import Issuer, Secrets
from holdfast.store import Store
from holdfast.system.clock import Clock
from holdfast.system.etcd import EtcdClient
from holdfast.system.host import Host
from holdfast.system.patroni import PatroniClient
from holdfast.system.tls import Identity


class Platform(Protocol):
    """The doors to one site."""

    @property
    def site(self) -> Site:
        """Where everything of the site stands."""
        ...

    @property
    def store(self) -> Store:
        """The control database."""
        ...

    @property
    def host(self) -> Host:
        """The machine that the data plane runs on."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def etcd(self) -> EtcdClient:
        """The site's etcd, as its root user."""
        ...

    @property
    def patroni(self) -> PatroniClient:
        """Every node's Patroni."""
        ...

    @property
    def identity(self) -> Identity:
        """The control plane's own client certificate."""
        ...

    @property
    def secrets(self) -> Secrets:
        """Passwords and keys by reference, encrypted at rest."""
        ...

    @property
    def issuer(self) -> Issuer:
        """The internal CA."""
        ...

    def installed(self) -> tuple[int, ...]:
        """The PostgreSQL majors found on the machine, lowest first."""
        ...

    def installation(self, version: int) -> Installation:
        """The programs that nodes of a PostgreSQL major run. Raises `NotFound`."""
        ...

    def extensions(self, version: int) -> frozenset[str]:
        """The extensions that a PostgreSQL major has here; empty where that is not known."""
        ...

    def parameter_fault(self, version: int, name: str, value: str) -> str:
        """Why servers of a PostgreSQL major would not take this value; empty when they would."""
        ...
