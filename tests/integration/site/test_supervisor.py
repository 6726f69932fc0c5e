"""A killed supervisor: its programs go on, the next one adopts them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.system import processes
from holdfast.system.host import Program, ServiceStatus
from holdfast.system.supervisor import Supervisor
from holdfast.system.supervisor_daemon import SupervisorDaemon

SLEEPER = Program("sleeper", ("/bin/sleep", "600"), stop_wait_s=5)
USER = "nobody" if os.geteuid() == 0 else None


@dataclass
class Watched:
    """A supervisor with everything that belongs to it."""

    folder: Path
    site_id: str
    supervisor: Supervisor
    daemon: SupervisorDaemon

    def pids(self, command: str) -> list[int]:
        """Processes of the site whose command line begins so."""
        found = processes.site_processes(self.site_id, str(self.folder))
        return [one.pid for one in found if one.command.startswith(command)]

    async def kill_supervisor(self) -> None:
        """`kill -9`, and wait until it has gone."""
        pid = await self.daemon.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: processes.start_of(pid) is None)


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for the condition, failing after the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "deadline passed"
        await asyncio.sleep(0.05)


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp") as name:
        folder, site_id = Path(name), os.urandom(4).hex()
        folder.chmod(0o755)
        supervisor = Supervisor(folder, site_id)
        supervisor.prepare()
        found = Watched(folder, site_id, supervisor, SupervisorDaemon(supervisor, site_id))
        await found.daemon.start()
        yield found
        with contextlib.suppress(Exception):
            await found.daemon.stop()
        for left in processes.site_processes(site_id, name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)


async def started(watched: Watched, program: Program) -> int:
    """The pid of the newly defined program once it has a record."""
    await watched.supervisor.ensure(program)
    await until(lambda: watched.supervisor.outlived(program.name) is not None)
    pid = watched.supervisor.outlived(program.name)
    assert pid is not None
    return pid


@pytest.mark.parametrize("user", [None, USER])
async def test_new_supervisor_adopts_what_outlived_the_old(watched: Watched, user: str) -> None:
    program = Program("sleeper", ("/bin/sleep", "600"), user=user, stop_wait_s=5)
    pid = await started(watched, program)
    await watched.kill_supervisor()
    assert await watched.supervisor.status() == {}
    assert watched.supervisor.outlived("sleeper") == pid
    assert await watched.daemon.start() is True
    await asyncio.sleep(1.5)
    status = (await watched.supervisor.status())["sleeper"]
    assert (status.state, status.pid) == ("running", pid)
    assert watched.pids("/bin/sleep 600") == [pid]
    await watched.supervisor.stop("sleeper")
    assert processes.start_of(pid) is None
    assert (await watched.supervisor.status())["sleeper"] == ServiceStatus("sleeper", "stopped")


async def test_adoption_works_again_and_leaves_no_launchers(watched: Watched) -> None:
    pid = await started(watched, SLEEPER)
    for _ in range(3):
        await watched.kill_supervisor()
        await watched.daemon.start()
        await until(lambda: len(watched.pids("/bin/sh")) >= 1)
    await until(lambda: len(watched.pids("/bin/sh")) == 1)
    assert watched.pids("/bin/sleep 600") == [pid]


async def test_adopted_program_that_ends_is_started_anew(watched: Watched) -> None:
    pid = await started(watched, SLEEPER)
    await watched.kill_supervisor()
    await watched.daemon.start()
    await asyncio.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: watched.supervisor.outlived("sleeper") not in (None, pid))
    assert len(watched.pids("/bin/sleep 600")) == 1


async def test_adopted_program_that_ignores_term_is_killed(watched: Watched) -> None:
    script = "trap '' TERM; while :; do sleep 1; done"
    deaf = Program("deaf", ("/bin/sh", "-c", script), stop_wait_s=1)
    pid = await started(watched, deaf)
    await watched.kill_supervisor()
    await watched.daemon.start()
    await asyncio.sleep(0.5)
    await watched.supervisor.stop("deaf")
    assert processes.start_of(pid) is None


async def test_record_of_somebody_elses_process_is_not_believed(watched: Watched) -> None:
    stranger = await asyncio.create_subprocess_exec("/bin/sleep", "601")
    try:
        await started(watched, SLEEPER)
        await watched.supervisor.stop("sleeper")
        record = watched.supervisor._record("sleeper")
        record.write_text(f"{stranger.pid} {processes.start_of(stranger.pid)}\n")
        assert watched.supervisor.outlived("sleeper") is None
        await watched.supervisor.stop("sleeper")
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_output_survives_the_supervisor(watched: Watched) -> None:
    # Were it to write into a pipe of the dead supervisor's, it would die of SIGPIPE.
    script = "while :; do echo tick; sleep 0.2; done"
    pid = await started(watched, Program("ticker", ("/bin/sh", "-c", script)))
    await watched.kill_supervisor()
    log = watched.supervisor.log_of("ticker")
    size = log.stat().st_size
    await until(lambda: log.stat().st_size > size + 10)
    assert processes.start_of(pid) is not None


async def test_crash_loop_is_told_and_goes_on(watched: Watched) -> None:
    await watched.supervisor.ensure(Program("broken", ("/bin/false",)))
    deadline = time.monotonic() + 10
    while True:
        status = (await watched.supervisor.status())["broken"]
        if status.state == "failed":
            break
        assert time.monotonic() < deadline, status
        await asyncio.sleep(0.02)
    assert "tried again" in status.detail


async def test_start_does_not_wait_out_a_failure(watched: Watched) -> None:
    flag = watched.folder / "flag"
    script = f"test -e {flag} && exec sleep 600"
    await watched.supervisor.ensure(Program("moody", ("/bin/sh", "-c", script)))
    await asyncio.sleep(4)
    flag.write_text("")
    await watched.supervisor.start("moody")
    # Left to itself, it would be tried again only after a wait that grows by a second each time.
    await until(lambda: watched.supervisor.outlived("moody") is not None, within_s=3)


async def test_two_starters_give_one_supervisor(watched: Watched) -> None:
    await watched.daemon.stop()
    again = [SupervisorDaemon(watched.supervisor, watched.site_id) for _ in range(3)]
    results = await asyncio.gather(*(daemon.start() for daemon in again))
    assert sorted(results) == [False, False, True]
    assert len({await daemon.pid() for daemon in again}) == 1


async def test_stop_of_the_supervisor_ends_programs_too(watched: Watched) -> None:
    await started(watched, SLEEPER)
    await watched.daemon.stop()
    await until(lambda: processes.site_processes(watched.site_id, str(watched.folder)) == [])


async def test_only_named_programs_start_until_all_are_included(watched: Watched) -> None:
    for name in ("first", "second"):
        watched.supervisor.define(Program(name, ("/bin/sleep", "600")))
    await watched.daemon.stop()
    await watched.daemon.start(["first"])
    assert set(await watched.supervisor.status()) == {"first"}
    assert await watched.supervisor.include_all() == ["second"]
    assert await watched.supervisor.include_all() == []
    await until(lambda: watched.supervisor.outlived("second") is not None)
