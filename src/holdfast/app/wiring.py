"""Putting the real doors together. The only place that chooses implementations."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from holdfast.app.vault import Vault
from holdfast.core.errors import NotFound
from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import Installation
from holdfast.engines.postgresql.doors import Issuer, Secrets
from holdfast.providers import postgresql_programs, runtime
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
            packages=str(self.runtime.libraries),
            own_packages=str(self.runtime.own),
            pgbouncer=pgbouncer,
            pgbackrest=_program("pgbackrest"),
            libraries=postgresql_programs.libraries(found),
            lz4=postgresql_programs.has_lz4(found, self.site.os_user),
            pgbouncer_version=_version(pgbouncer, Path(pgbouncer).stat().st_mtime_ns),
        )

    def extensions(self, version: int) -> frozenset[str]:
        """The extensions that a PostgreSQL major has here; empty where that is not known."""
        found = postgresql_programs.installation(version, self.doors.installations())
        return postgresql_programs.extensions(found)

    def parameter_fault(self, version: int, name: str, value: str) -> str:
        """Why servers of a PostgreSQL major would not take this value; empty when they would."""
        found = postgresql_programs.installation(version, self.doors.installations())
        return postgresql_programs.parameter_fault(found, self.site.os_user, name, value)


@dataclass(frozen=True, slots=True)
class Control:
    """A control plane at work: what the API's handlers hand to the functions of this room."""

    settings: Settings
    platform: Platform
    runtime: Runtime


async def real_platform(settings: Settings) -> RealPlatform:
    """The platform of a site that `up` has made. Raises `NotFound` when there is none."""
    doors = await asyncio.to_thread(open_site, settings)
    store = Store(doors.database_url, seal=doors.signer().seal)
    return RealPlatform(
        site=doors.site,
        store=store,
        host=doors.host,
        clock=SystemClock(),
        etcd=doors.etcd(),
        patroni=doors.patroni(),
        identity=doors.identity,
        secrets=Vault(store, doors.box),
        issuer=doors.authority,
        doors=doors,
        runtime=await runtime.ensure(doors.site, doors.host),
    )


def control(
    settings: Settings,
    platform: Platform,
    workflows: Mapping[str, Workflow],
    *,
    on_lost: Callable[[], None],
) -> Control:
    """A control plane that is not started yet."""
    return Control(settings, platform, Runtime(platform, workflows, on_lost=on_lost))


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise NotFound(f"{name} is not installed", subject=name, hint=f"install {name}")
    return found


@lru_cache
def _version(pgbouncer: str, _made_ns: int) -> tuple[int, int]:
    said = subprocess.run([pgbouncer, "--version"], capture_output=True, text=True, check=True)
    major, minor = said.stdout.split()[1].split(".")[:2]
    return int(major), int(minor)
