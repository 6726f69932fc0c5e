"""What of a site runs, and how well. Works when nothing does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx

from holdfast.core.errors import Error, Transient
from holdfast.providers import control_database, etcd_members
from holdfast.providers.doors import CONTROL_PLANE, SiteDoors, open_site
from holdfast.providers.settings import Settings
from holdfast.system import processes
from holdfast.system.host import ServiceState, ServiceStatus
from holdfast.system.tls import client_context

SUPERVISOR = "supervisor"
EXTERNAL_DATABASE = "control-database"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a site. `healthy` is what its own check says, not only that it runs."""

    name: str
    state: ServiceState
    healthy: bool
    pid: int | None = None
    uptime_s: float | None = None
    detail: str = ""


async def status(settings: Settings) -> list[Part]:
    """Supervisor, control database, etcd members, control plane, then every cluster program.

    Raises `NotFound` when the home has no site.
    """
    doors = open_site(settings)
    supervisor = await doors.daemon.pid()
    services = await _services(doors, supervised=supervisor is not None)
    checked = await asyncio.gather(
        _database(doors, services),
        _etcd(doors, services),
        _control_plane(doors, services),
    )
    platform = [part for parts in checked for part in parts]
    known = {part.name for part in platform}
    clusters = [_plain(services[name]) for name in sorted(services) if name not in known]
    return [_supervisor(supervisor), *platform, *clusters]


async def api_health(doors: SiteDoors, *, timeout_s: float = 3.0) -> None:
    """Ask the API whether it is well. Raises `Transient` when it is not."""
    where = f"{doors.site.api_url}/v1/health"
    try:
        async with httpx.AsyncClient(
            verify=client_context(doors.identity), timeout=timeout_s, trust_env=False
        ) as client:
            answer = await client.get(where)
    except httpx.TransportError as error:
        raise Transient(
            f"the API at {doors.site.api_url} does not answer: {str(error) or type(error).__name__}"
        ) from error
    if answer.status_code != 200:
        raise Transient(f"{where} answers {answer.status_code}: {answer.text[:200]}")


async def _services(doors: SiteDoors, *, supervised: bool) -> dict[str, ServiceStatus]:
    """Every defined program; without a supervisor, by what its record says."""
    if supervised:
        return await doors.supervisor.status()
    found = {}
    for name in await asyncio.to_thread(doors.supervisor.defined):
        pid = doors.supervisor.outlived(name)
        found[name] = (
            ServiceStatus(name, "stopped")
            if pid is None
            else ServiceStatus(name, "running", pid, processes.age_s(pid), "nobody supervises it")
        )
    return found


def _supervisor(pid: int | None) -> Part:
    if pid is None:
        return Part(SUPERVISOR, "stopped", healthy=False)
    return Part(SUPERVISOR, "running", healthy=True, pid=pid, uptime_s=processes.age_s(pid))


async def _database(doors: SiteDoors, services: Mapping[str, ServiceStatus]) -> list[Part]:
    if doors.embedded_database:
        part = _part(control_database.NAME, services)
        if part.state not in ("running", "starting"):
            return [part]
    else:
        part = Part(EXTERNAL_DATABASE, "running", healthy=True)
    try:
        version = await control_database.check(doors.database_url)
    except Error as error:
        return [replace(part, healthy=False, detail=error.message)]
    detail = part.detail or f"postgresql {version}"
    return [replace(part, state="running", healthy=True, detail=detail)]


async def _etcd(doors: SiteDoors, services: Mapping[str, ServiceStatus]) -> list[Part]:
    parts = [_part(etcd_members.program_of(member), services) for member in etcd_members.MEMBERS]
    if not any(part.pid for part in parts):
        return parts
    try:
        async with doors.etcd() as client:
            health = {member.endpoint: member for member in await client.members()}
    except Error as error:
        return [replace(part, healthy=False, detail=error.message) for part in parts]
    found = []
    lost = [etcd_members.program_of(member) for member in etcd_members.lost(doors.site)]
    for part, endpoint in zip(parts, doors.site.etcd_endpoints, strict=True):
        member = health[endpoint]
        if part.name in lost:
            found.append(replace(part, healthy=False, detail="its data are gone: run holdfast up"))
            continue
        detail = ", ".join(filter(None, ("leader" if member.is_leader else "", part.detail)))
        if part.pid is not None and not member.healthy:
            detail = member.detail
        state: ServiceState = "running" if member.healthy else part.state
        found.append(replace(part, state=state, healthy=member.healthy, detail=detail))
    return found


async def _control_plane(doors: SiteDoors, services: Mapping[str, ServiceStatus]) -> list[Part]:
    part = _part(CONTROL_PLANE, services)
    if part.state not in ("running", "starting"):
        return [part]
    try:
        await api_health(doors)
    except Error as error:
        return [replace(part, healthy=False, detail=error.message)]
    return [replace(part, state="running", healthy=True, detail=part.detail or doors.site.api_url)]


def _part(name: str, services: Mapping[str, ServiceStatus]) -> Part:
    return _plain(services.get(name, ServiceStatus(name, "absent")))


def _plain(status: ServiceStatus) -> Part:
    return Part(
        status.name,
        status.state,
        healthy=status.state == "running",
        pid=status.pid,
        uptime_s=status.uptime_s,
        detail=status.detail,
    )
