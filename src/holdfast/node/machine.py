"""What the machine says of the node's own processes. Everything is read from /proc."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from holdfast.node.guard import Process
from holdfast.system import processes

_PROC = Path("/proc")


def server(data_folder: str) -> Process:
    """The postmaster of a data folder; none when the pid file names no server of it."""
    pid = written_pid(data_folder)
    if pid is None or _works_in(pid) != data_folder:
        return Process()
    return _process(pid)


class Listener:
    """Whoever listens where Patroni does, if it is this user's.

    To find the process means to look at everybody's open files, so it is remembered while it
    lives.
    """

    def __init__(self, address: str, port: int) -> None:
        self._address, self._port = address, port
        self._known: tuple[int, str] | None = None

    def process(self) -> Process:
        """The process as it is now."""
        if self._known is None or processes.start_of(self._known[0]) != self._known[1]:
            self._known = self._found()
        return Process() if self._known is None else _process(self._known[0])

    def _found(self) -> tuple[int, str] | None:
        pid = processes.listener(self._address, self._port)
        if pid is None or processes.owner_of(pid) != os.geteuid():
            return None
        start = processes.start_of(pid)
        return None if start is None else (pid, start)


def crashed(data_folder: str) -> bool:
    """Whether the server ended without taking its pid file away, and nobody is left of it."""
    pid = written_pid(data_folder)
    if not (_PROC / "self").exists():
        return False  # a machine that tells nothing of its processes proves nothing
    if pid is None or _state(pid) not in ("", "Z", "X"):
        return False
    return not any(_works_in(int(each.name)) == data_folder for each in _pids())


def written_pid(data_folder: str) -> int | None:
    """The pid in the server's pid file."""
    try:
        first = (Path(data_folder) / "postmaster.pid").read_text().splitlines()[0]
        return int(first)
    except (OSError, ValueError, IndexError):
        return None


async def ends(pid: int) -> None:
    """Return once the process has ended; at once when there is none."""
    try:
        handle = os.pidfd_open(pid)
    except (OSError, AttributeError):
        # Without the call (macOS, an old kernel) it is asked for.
        while _state(pid) not in ("", "Z", "X"):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.2)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _process(pid: int) -> Process:
    state = _state(pid)
    return Process() if state in ("", "Z", "X") else Process(pid, stopped=state in "Tt")


def _state(pid: int) -> str:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]


def _works_in(pid: int) -> str:
    with contextlib.suppress(OSError):
        return str((_PROC / str(pid) / "cwd").readlink())
    return ""


def _pids() -> list[Path]:
    return [each for each in _PROC.iterdir() if each.name.isdigit()]
