"""supervisord itself: start it, find it, end it.

It runs detached from whoever starts it. Two starters at once are kept apart by a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from holdfast.core.errors import Error, TimedOut, Transient
from holdfast.system import processes
from holdfast.system.accounts import current_account
from holdfast.system.host import SITE_VARIABLE
from holdfast.system.local_host import clean_environment
from holdfast.system.supervisor import Supervisor

_POLL_S = 0.02
_SUPERVISORD = Path(__file__).with_name("supervisord.py")


class SupervisorDaemon:
    """The process behind a `Supervisor`. `environment` goes to it and to all its programs."""

    def __init__(
        self, supervisor: Supervisor, site_id: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._supervisor = supervisor
        self._site_id = site_id
        self._environment = dict(environment or {})

    async def pid(self) -> int | None:
        """Its pid if it answers, else None."""
        return await asyncio.to_thread(self._pid)

    async def start(self, names: Sequence[str] = ("*",), *, timeout_s: float = 10.0) -> bool:
        """Start it unless it answers already. True if it was started.

        Programs with `autostart` start with it; those that are not among `names` have to wait
        for `Supervisor.include_all`. Raises `Error` with the end of its log when it
        cannot start, `TimedOut` when it does not answer in time.
        """
        if await self.pid() is not None:
            return False
        return await asyncio.to_thread(self._start, names, timeout_s)

    async def stop(self, *, timeout_s: float = 60.0) -> None:
        """Stop every program that still runs, then end. Absent is fine."""
        pid = await self.pid()
        if pid is None:
            return
        start = processes.start_of(pid)
        with contextlib.suppress(Transient):
            await self._supervisor.rpc.call("shutdown")
        deadline = time.monotonic() + timeout_s
        while start is not None and processes.start_of(pid) == start:
            if time.monotonic() > deadline:
                raise TimedOut(f"supervisor {pid} did not end within {timeout_s:g} s")
            await asyncio.sleep(_POLL_S)

    def _pid(self) -> int | None:
        try:
            return int(self._supervisor.rpc.ask("getPID"))
        except Transient:
            return None

    def _start(self, names: Sequence[str], timeout_s: float) -> bool:
        paths = self._supervisor.paths
        with _held(paths.lock, timeout_s):
            if self._pid() is not None:
                return False
            self._supervisor.configure(names)
            done = subprocess.run(
                # By its path, and -P: our package need not be importable, and the modules beside
                # it must not be taken for supervisor's own.
                [sys.executable, "-P", str(_SUPERVISORD), "-c", str(paths.configuration)],
                env={
                    **clean_environment(current_account()),
                    **self._environment,
                    SITE_VARIABLE: self._site_id,
                },
                cwd="/",
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout_s,
                check=False,
            )
            if done.returncode != 0:
                said = (done.stderr or done.stdout).decode(errors="replace").strip()
                raise Error(f"supervisor did not start: {said[-500:]}", subject="supervisor")
            return self._wait(time.monotonic() + timeout_s)

    def _wait(self, deadline: float) -> bool:
        while self._pid() is None:
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"supervisor does not answer at {self._supervisor.paths.socket}",
                    hint=f"look into {self._supervisor.paths.log}",
                )
            time.sleep(_POLL_S)
        return True


@contextlib.contextmanager
def _held(path: Path, timeout_s: float) -> Iterator[None]:
    """A lock between processes, which its holder's death releases."""
    deadline = time.monotonic() + timeout_s
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimedOut(f"somebody else is starting the supervisor ({path})") from None
                time.sleep(_POLL_S)
        yield
