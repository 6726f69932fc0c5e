"""`down`: stop everything of a site, in an order that harms nobody, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from itertools import groupby
from pathlib import Path

from holdfast.app.site_lock import held
from holdfast.app.site_steps import Progress, quiet, step
from holdfast.core.errors import Error, Transient
from holdfast.core.layout import Site
from holdfast.providers import etcd_members
from holdfast.providers.doors import SiteDoors, open_site
from holdfast.providers.settings import Settings
from holdfast.system import processes
from holdfast.system.host import Priority, program_name

_POLL_S = 0.05
_LEAVE_S = 3.0
_TERM_S = 10.0
_KILL_S = 5.0


async def down(settings: Settings, *, progress: Progress = quiet) -> list[str]:
    """Stop the site's processes; data and definitions stay.

    The control plane goes first, then agents and poolers, replicas, leaders, etcd, the control
    database and the supervisor. Gives a sentence for every process that had to be ended by its
    pid. Raises `NotFound` when the home has no site, `Error` when a process cannot be ended.
    """
    doors = open_site(settings)
    async with held(settings.home / "lock"):
        for title, names in _in_order(doors):
            if await _any_runs(doors, names):
                async with step(title, progress):
                    await _stop_all(doors, names)
        async with step("supervisor", progress):
            await doors.daemon.stop()
        return await _end_stragglers(doors)


def _in_order(doors: SiteDoors) -> list[tuple[str, list[str]]]:
    """Names of programs that may stop at once, with a title, in the order to stop them."""
    replicas = _replicas(doors.site)

    def rank(item: tuple[str, int]) -> tuple[int, bool]:
        name, priority = item
        # Replicas before leaders: were the leader first, they would hold an election.
        return -priority, name not in replicas

    defined = sorted(doors.supervisor.defined().items(), key=rank)
    return [
        (_title(-key[0], is_replica=not key[1]), [name for name, _ in items])
        for key, items in groupby(defined, rank)
    ]


def _title(priority: int, *, is_replica: bool) -> str:
    try:
        known = Priority(priority)
    except ValueError:
        return f"programs of priority {priority}"
    if known is Priority.PATRONI:
        return "replicas" if is_replica else "leaders"
    return known.name.lower().replace("_", " ")


def _replicas(site: Site) -> set[str]:
    """The Patroni programs of nodes whose data folder is a standby's."""
    return {
        program_name(f"{signal_file.parts[-4]}-{signal_file.parts[-3]}", "patroni")
        for signal_file in Path(site.home).glob("clusters/*/*/data/standby.signal")
    }


async def _any_runs(doors: SiteDoors, names: list[str]) -> bool:
    if any(doors.supervisor.outlived(name) for name in names):
        return True
    found = await doors.supervisor.status()
    return any(found[name].state != "stopped" for name in names if name in found)


async def _stop_all(doors: SiteDoors, names: list[str]) -> None:
    if set(names) <= {etcd_members.program_of(member) for member in etcd_members.MEMBERS}:
        # One by one: a leader hands over first, and waits seconds for peers that stop as well.
        for name in names:
            await _stop(doors, name)
    else:
        await asyncio.gather(*(_stop(doors, name) for name in names))


async def _stop(doors: SiteDoors, name: str) -> None:
    try:
        await doors.supervisor.stop(name)
    except Transient:
        # The supervisor is dead; its program may well live.
        await doors.supervisor.end(name)


async def _end_stragglers(doors: SiteDoors) -> list[str]:
    """End what still carries the site's mark, first politely."""
    left = await _leaving(doors.site, _LEAVE_S)
    told = [f"process {one.pid} was still there and had to be ended: {one.command}" for one in left]
    for number, wait_s in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, _KILL_S)):
        for one in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, number)
        left = await _leaving(doors.site, wait_s) if left else []
    if left:
        pids = ", ".join(str(one.pid) for one in left)
        raise Error(f"processes {pids} of {doors.site.home} cannot be ended", subject="site")
    return told


async def _leaving(site: Site, wait_s: float) -> list[processes.Process]:
    """What is left of the site's processes after at most this time."""
    deadline = time.monotonic() + wait_s
    while True:
        left = await asyncio.to_thread(processes.site_processes, site.id, str(site.home))
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(_POLL_S)
