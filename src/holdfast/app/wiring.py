"""Putting the real doors together. The only place that chooses implementations."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.app.vault import Vault
from holdfast.core.errors import NotFound
from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import Installation
from holdfast.engines.postgresql.doors import Issuer, Secrets
from holdfast.providers import pki, postgresql_programs, runtime
from holdfast.providers.authority import SiteAuthority
from holdfast.providers.doors import SiteDoors, open_site
from holdfast.providers.settings import Settings
from holdfast.store import Store
from holdfast.system.clock import Clock, SystemClock
from holdfast.system.etcd import EtcdClient
from holdfast.system.host import Host
from holdfast.system.local_host import PATH
from holdfast.system.patroni import PatroniClient
from holdfast.system.tls import Identity
from holdfast.workflows.platform import Platform
from holdfast.workflows.registry import Workflow
from holdfast.workflows.runtime import Runtime


@dataclass(frozen=True, slots=True)
class RealPlatform:
    """The `Platform` that workflows run on."""

    site: Site
    store: Store
    host: Host
    clock: Clock
    etcd: EtcdClient
    patroni: PatroniClient
    identity: Identity
    secrets: Secrets
    issuer: Issuer
    doors: SiteDoors
    runtime: runtime.Runtime

    def installed(self) -> tuple[int, ...]:
        """The PostgreSQL majors found on the machine, lowest first."""
        return tuple(self.doors.installations())

    def installation(self, version: int) -> Installation:
        """The programs that nodes of a PostgreSQL major run. Raises `NotFound`."""
        found = postgresql_programs.installation(version, self.doors.installations())
        pgbouncer = _program("pgbouncer")
        return Installation(
            bindir=str(found.folder),
            python=self.runtime.python,
            packages=str(self.runtime.folder),
            pgbouncer=pgbouncer,
            pgbackrest=_program("pgbackrest"),
            libraries=postgresql_programs.libraries(found),
            pgbouncer_version=_version(pgbouncer),
        )


@dataclass(frozen=True, slots=True)
class SiteIssuer:
    """The engine's `Issuer`: the site's authority."""

    authority: SiteAuthority

    def issue(self, common_name: str, addresses: Sequence[str]) -> tuple[bytes, bytes]:
        """A new certificate and its key, PEM."""
        made = self.authority.issue(_request(common_name, addresses))
        return made.certificate, made.key

    def fault(self, certificate: bytes, common_name: str, addresses: Sequence[str]) -> str:
        """Why the certificate has to be replaced; empty when it is fine."""
        return self.authority.needs_renewal(certificate, _request(common_name, addresses)) or ""


@dataclass(frozen=True, slots=True)
class Control:
    """A control plane at work: what the API's handlers hand to the functions of this room."""

    platform: Platform
    runtime: Runtime


async def real_platform(settings: Settings) -> RealPlatform:
    """The platform of a site that `up` has made. Raises `NotFound` when there is none."""
    doors = await asyncio.to_thread(open_site, settings)
    store = Store(doors.database_url)
    return RealPlatform(
        site=doors.site,
        store=store,
        host=doors.host,
        clock=SystemClock(),
        etcd=doors.etcd(),
        patroni=doors.patroni(),
        identity=doors.identity,
        secrets=Vault(store, doors.box),
        issuer=SiteIssuer(doors.authority),
        doors=doors,
        runtime=await runtime.ensure(doors.site, doors.host),
    )


def control(
    platform: Platform, workflows: Mapping[str, Workflow], *, on_lost: Callable[[], None]
) -> Control:
    """A control plane that is not started yet."""
    return Control(platform, Runtime(platform, workflows, on_lost=on_lost))


def _request(common_name: str, addresses: Sequence[str]) -> pki.Request:
    # A role's certificate has no address and is no server's.
    return pki.Request(common_name, tuple(addresses), server=bool(addresses))


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise NotFound(f"{name} is not installed", subject=name, hint=f"install {name}")
    return found


def _version(pgbouncer: str) -> tuple[int, int]:
    said = subprocess.run([pgbouncer, "--version"], capture_output=True, text=True, check=True)
    major, minor = said.stdout.split()[1].split(".")[:2]
    return int(major), int(minor)
