"""Restore a backup into a sandbox, run it, destroy it.

Every function may be run again after it was cut off. What a broken backup does (a restore that
fails, a server that does not start) is a result here, not an error: it is what the test is for.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from holdfast.core.errors import Refused
from holdfast.core.units import show_bytes
from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.doors import Connection
from holdfast.engines.postgresql.postmaster import running_postmaster
from holdfast.engines.postgresql.render_sandbox import (
    Sandbox,
    restore_command,
    rules_files,
    start_options,
)
from holdfast.engines.postgresql.sandbox_process import end_processes, is_ours, step_of
from holdfast.engines.postgresql.sandbox_process import run_in as run_in  # noqa: PLC0414 - of a box
from holdfast.recovery.positions import history_of
from holdfast.recovery.restore_test import Step
from holdfast.system import postgresql
from holdfast.system.accounts import current_account
from holdfast.system.clock import Clock
from holdfast.system.host import Completed, Host

RESTORE_TIMEOUT_S = 6 * 3600.0
START_TIMEOUT_S = 2 * 3600.0
"""Recovery replays the WAL since the backup, which may be a day's."""
_STOP_TIMEOUT_S = 300.0
_STATUS_LINE = 7
"""The line of postmaster.pid that says `starting`, `standby` or `ready`, from 0."""
_REACHED = re.compile(r'recovery stopping at restore point "([^"]+)", time ([^\n]+)')
_REDO_DONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")
_LAST_COMMIT = re.compile(r"last completed transaction was at log time ([^\n]+)")
_REPLAYING = re.compile(r"redo in progress.*current LSN: ([0-9A-F]+/[0-9A-F]+)")
_COMPLAINT = re.compile(r"(?:FATAL|PANIC|ERROR): +([^\n]+)")


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a recovery ended, as the server's log says; empty where it does not."""

    point: str = ""
    lsn: str = ""
    last_commit: str = ""


async def make(sandbox: Sandbox, host: Host, *, backup_file: str) -> None:
    """Make the folders and the configuration. `backup_file` holds the repository's passphrase."""
    owner = sandbox.os_user
    await host.make_folder(str(sandbox.folder), mode=0o700, owner=owner)
    for folder in (sandbox.run, sandbox.conf, sandbox.log):
        await host.make_folder(str(folder), mode=0o700, owner=owner)
    guests = (owner, current_account().name)
    files = {str(sandbox.backup_file): backup_file, **rules_files(sandbox, guests)}
    for path, text in files.items():
        await host.write(path, text.encode(), mode=0o600, owner=owner)


async def restore(
    sandbox: Sandbox,
    host: Host,
    clock: Clock,
    *,
    label: str,
    point: str,
    timeline: int,
    way: str = "name",
    over: bool = False,
) -> Step:
    """Restore into an empty data folder. pgBackRest checks every file against its manifest.

    `point` is a restore point's name, or what `way` says: a position (`lsn`) or a `time`. Without
    it, recovery goes to the end of the archive. `over` restores over the copy before.
    """
    if over:
        await stop(sandbox, host)
    await end_processes(sandbox, host, clock)
    if not over:
        await host.remove(str(sandbox.data))
    await host.make_folder(str(sandbox.data), mode=0o700, owner=sandbox.os_user)
    begun = clock.monotonic()
    done = await run_in(
        sandbox,
        host,
        restore_command(sandbox, label=label, point=point, timeline=timeline, way=way, over=over),
        timeout_s=RESTORE_TIMEOUT_S,
    )
    return step_of(done, "pgbackrest restore", clock.monotonic() - begun)


async def start(sandbox: Sandbox, host: Host, clock: Clock) -> tuple[Step, Reached]:
    """Start the server and wait until recovery has reached its target and ended.

    One that an interrupted run has started goes on.
    """
    begun = clock.monotonic()
    problem = ""
    if await running_postmaster(sandbox.data, host) is None:
        await host.remove(str(sandbox.server_log))
        problem = await _launch(sandbox, host)
    problem = problem or await _recovered(sandbox, host, clock, begun + START_TIMEOUT_S)
    spent_s = clock.monotonic() - begun
    log = ((await host.read(str(sandbox.server_log))) or b"").decode(errors="replace")
    if problem:
        return _start_failure(log, problem, spent_s), Reached()
    return Step(True, spent_s), reached(log)


async def _launch(sandbox: Sandbox, host: Host) -> str:
    """Why the server could not be launched; empty when it was."""
    version = int((await host.read(str(sandbox.data / "PG_VERSION"))) or b"0")
    # -W: pg_ctl's own wait would end when the copy is consistent, long before recovery does.
    options = ("-W", "-l", str(sandbox.server_log), "-o", start_options(sandbox, version))
    done = await _pg_ctl(sandbox, host, "start", *options, timeout_s=60.0)
    return "" if done.exit_code == 0 else done.text or done.stderr.decode(errors="replace")


async def boot(host: Host) -> str:
    """What changes when the machine starts anew: nothing of a sandbox is forced to disk."""
    return ((await host.read("/proc/sys/kernel/random/boot_id")) or b"").decode().strip()


async def _recovered(sandbox: Sandbox, host: Host, clock: Clock, deadline: float) -> str:
    """Why recovery did not end; empty when it did and the server takes connections."""
    started_by = clock.monotonic() + 10
    while True:
        pid_file = (await host.read(str(sandbox.data / "postmaster.pid"))) or b""
        lines = pid_file.decode(errors="replace").splitlines()
        if len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready":
            return ""
        now = clock.monotonic()
        if now > deadline:
            return "recovery did not end in time"
        if now > started_by and await running_postmaster(sandbox.data, host) is None:
            return "the server ended"
        if lines:
            started_by = min(started_by, now)
        await clock.sleep(0.05)


async def is_running(sandbox: Sandbox, host: Host) -> bool:
    """Whether the sandbox's server lives."""
    return await running_postmaster(sandbox.data, host) is not None


async def stop(sandbox: Sandbox, host: Host) -> Step:
    """Shut the server down so that all pages are on disk. Stopped is fine."""
    if await running_postmaster(sandbox.data, host) is None:
        return Step(True)
    done = await _pg_ctl(sandbox, host, "stop", "-m", "fast", timeout_s=_STOP_TIMEOUT_S)
    return step_of(done, "the shutdown", 0.0)


async def destroy(sandbox: Sandbox, host: Host, clock: Clock) -> None:
    """End every process of the sandbox and remove its folder. Absent is fine."""
    await end_processes(sandbox, host, clock)
    await host.remove(str(sandbox.folder))
    await end_processes(sandbox, host, clock)


async def branch(sandbox: Sandbox, host: Host) -> int:
    """The timeline that the copy's own one has branched from; 0 when it does not say."""
    names = await host.list(str(sandbox.data / "pg_wal"))
    histories = [name for name in names if name.endswith(".history")]
    if not histories:
        return 0
    newest = (await host.read(str(sandbox.data / "pg_wal" / max(histories)))) or b""
    parents = history_of(newest.decode(errors="replace"))
    return parents[-1][0] if parents else 0


async def replayed(sandbox: Sandbox, host: Host) -> str:
    """How far the replay is by the server's log, as a position; empty before it says so."""
    log = ((await host.read(str(sandbox.server_log))) or b"").decode(errors="replace")
    told = _REPLAYING.findall(log)
    return str(told[-1]) if told else ""


async def restored_bytes(sandbox: Sandbox, host: Host) -> int:
    """How much stands in the data folder by now."""
    done = await host.run(["du", "-sb", str(sandbox.data)], check=False)
    return int(done.text.split()[0]) if done.text[:1].isdigit() else 0


async def refuse_without_space(sandbox: Sandbox, host: Host, *, needed_bytes: int) -> None:
    """Raise `Refused` when the copy would not fit beside what is on the disk."""
    done = await host.run(["df", "-B1", "--output=avail", str(sandbox.folder)])
    free = int(done.text.splitlines()[-1])
    if free < needed_bytes:
        raise Refused(
            f"the copy needs {show_bytes(needed_bytes)}, and {sandbox.folder.parent} has "
            f"{show_bytes(free)} left",
            subject=f"folder {sandbox.folder.parent}",
            hint="make room there, or add storage",
        )


@asynccontextmanager
async def connected(
    sandbox: Sandbox,
    database: str = POSTGRES,
    *,
    user: str = POSTGRES,
    statement_timeout_s: float = 3600.0,
) -> AsyncIterator[Connection]:
    """A connection to the sandbox's server, through its socket; a superuser's by default."""
    connection = await postgresql.connect(
        host=str(sandbox.run),
        port=5432,
        user=user,
        dbname=database,
        statement_timeout_s=statement_timeout_s,
    )
    async with connection:
        yield connection


def reached(log: str) -> Reached:
    """Where recovery ended, read from the server's log (English, see `render_sandbox`)."""
    point, redo, commit = _REACHED.search(log), _REDO_DONE.search(log), _LAST_COMMIT.search(log)
    return Reached(
        point=point[1] if point else "",
        lsn=redo[1] if redo else "",
        last_commit=commit[1].strip() if commit else "",
    )


def _start_failure(log: str, problem: str, spent_s: float) -> Step:
    said = _COMPLAINT.findall(log)
    told = f"the copy did not start: {'; '.join(said[-3:]) or problem}".strip()[:600]
    return Step(None if is_ours(log) else False, spent_s, told)


async def _pg_ctl(
    sandbox: Sandbox, host: Host, verb: str, *options: str, timeout_s: float
) -> Completed:
    argv = [f"{sandbox.bindir}/pg_ctl", verb, "-D", str(sandbox.data)]
    argv += ["-t", f"{timeout_s:.0f}", *options]
    return await run_in(sandbox, host, argv, timeout_s=timeout_s + 5)
