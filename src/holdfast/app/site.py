"""`up`, `down` and `status` of a site.

Everything here may be done again at any time: what is there stays, what is missing is made, what
is dead is started.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from holdfast.app import site_etcd
from holdfast.app.site_lock import held
from holdfast.app.site_programs import ensure_running, or_log
from holdfast.app.site_status import Part, api_health, status
from holdfast.app.site_steps import Progress, Step, quiet, run, step, together
from holdfast.app.site_stop import down
from holdfast.core.errors import TimedOut, Transient
from holdfast.core.layout import Site
from holdfast.providers import (
    control_database,
    etcd_members,
    local,
    postgresql_programs,
    runtime,
)
from holdfast.providers.doors import CONTROL_PLANE, SiteDoors, furnish, open_site
from holdfast.providers.settings import Settings
from holdfast.system.files import trim
from holdfast.system.host import Priority, Program

__all__ = ["Part", "Progress", "Step", "control_plane", "down", "keep_supervisor", "status", "up"]
_POLL_S = 0.1


async def up(settings: Settings, *, progress: Progress = quiet, serve: bool = True) -> Site:
    """Make the site of this home work, whatever state it is in.

    With `serve` False everything but the control plane is started. Raises `Refused`, `Conflict`
    or `Error` for what stands in the way, before anything was started where that can be known.
    """
    await asyncio.to_thread(local.prepare_home, settings.home)
    async with held(settings.home / "lock"):
        async with step("home", progress):
            await asyncio.to_thread(local.allocate, settings.home)
            doors = open_site(settings)
            await asyncio.to_thread(furnish, doors)
        async with step("supervisor", progress):
            await _start_supervisor(doors)
        await together(
            run("control database", progress, _bring_up_database(doors)),
            run("etcd", progress, site_etcd.bring_up(doors)),
            run("runtime", progress, _copy_runtime(doors)),
        )
        await _start_clusters(doors)
        if serve:
            async with step("control plane", progress):
                await _bring_up_control_plane(doors)
    return doors.site


async def keep_supervisor(settings: Settings) -> bool:
    """Start the supervisor if it is dead; for the control plane to call now and then.

    True if it was started. Programs that outlived the old one go on under the new one.
    """
    doors = open_site(settings)
    await asyncio.to_thread(_trim_logs, doors)
    return await doors.daemon.start()


def control_plane(doors: SiteDoors) -> Program:
    """The supervised control plane."""
    return Program(
        name=CONTROL_PLANE,
        argv=(
            sys.executable,
            *("-m", "holdfast.cli.main", "serve", "--home", str(doors.site.home)),
        ),
        environment=doors.settings.exported() | _import_path(),
        stop_wait_s=20,
        priority=Priority.CONTROL_PLANE,
    )


async def _start_supervisor(doors: SiteDoors) -> None:
    if await doors.daemon.pid() is not None:
        return
    await asyncio.to_thread(local.check_ports, doors.site)
    await asyncio.to_thread(control_database.clear_leftovers, doors.site)
    await asyncio.to_thread(site_etcd.keep_blank_ones_down, doors)
    # After a cold start the clusters wait for etcd: a read that reaches a member before it has
    # a leader blocks all its reads for seven seconds (etcd 3.4). What still runs is adopted.
    etcd = [etcd_members.program_of(member) for member in etcd_members.MEMBERS]
    cold = not any(doors.supervisor.outlived(name) for name in etcd)
    await doors.daemon.start([control_database.NAME, *etcd] if cold else ["*"])


async def _bring_up_database(doors: SiteDoors) -> None:
    if not doors.embedded_database:
        await control_database.check(doors.database_url)
        return
    known = await asyncio.to_thread(doors.installations)
    major = control_database.major_of(doors.site)
    installation = (
        postgresql_programs.newest(known)
        if major is None
        else postgresql_programs.installation(major, known)
    )
    await control_database.create(doors.site, doors.host, installation)
    program = control_database.program(doors.site, installation)
    await ensure_running(doors, program)
    await or_log(doors, program.name, control_database.wait_ready(doors.database_url))


async def _copy_runtime(doors: SiteDoors) -> None:
    current = await runtime.ensure(doors.site, doors.host)
    await asyncio.to_thread(runtime.prune, doors.site, current)


async def _start_clusters(doors: SiteDoors) -> None:
    """Start every other program that should run and does not."""
    await doors.supervisor.include_all()
    wanted = doors.supervisor.autostarting() - {CONTROL_PLANE}
    for name, found in (await doors.supervisor.status()).items():
        if name in wanted and found.state in ("stopped", "failed"):
            await doors.supervisor.start(name)


async def _bring_up_control_plane(doors: SiteDoors, timeout_s: float = 60.0) -> None:
    await ensure_running(doors, control_plane(doors))
    await or_log(doors, CONTROL_PLANE, _wait_for_api(doors, timeout_s))


async def _wait_for_api(doors: SiteDoors, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            await api_health(doors)
            return
        except Transient as error:
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"the control plane did not come up within {timeout_s:g} s: {error}",
                    subject="control plane",
                ) from error
        await asyncio.sleep(_POLL_S)


def _trim_logs(doors: SiteDoors) -> None:
    doors.supervisor.trim_logs()
    for log in Path(doors.site.home).glob("clusters/*/*/log/*.log"):
        trim(log)


def _import_path() -> dict[str, str]:
    """PYTHONPATH for a control plane that runs from a source tree."""
    source = str(Path(__file__).parents[2])
    return {} if "site-packages" in source else {"PYTHONPATH": source}
