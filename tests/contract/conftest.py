"""Every twin of a door, one after the other."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.system import processes
from holdfast.system.accounts import current_account
from holdfast.system.host import Completed, Host, Services
from holdfast.system.local_host import LocalHost
from holdfast.system.memory_host import Asked, MemoryHost, MemoryServices
from holdfast.system.supervisor import Supervisor
from holdfast.system.supervisor_daemon import SupervisorDaemon


@dataclass(frozen=True)
class HostCase:
    """A host, a folder on it that the test may use, and the user it works as."""

    host: Host
    folder: str
    user: str


@pytest.fixture(params=["local", "memory"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> HostCase:
    if request.param == "local":
        host = LocalHost("here", "127.0.0.1", MemoryServices(), {"HOLDFAST_SITE": "0badcafe"})
        return HostCase(host, str(tmp_path), current_account().name)
    memory = MemoryHost(user="tester")
    memory.answers = {("/bin/sh", "-c"): _shell, ("/bin/cat",): _cat}
    await memory.make_folder("/work")
    return HostCase(memory, "/work", "tester")


def _shell(asked: Asked) -> Completed:
    """What the scripts of the suite would do."""
    scripts: dict[str, tuple[int, bytes, bytes]] = {
        "echo out; echo err >&2; exit 3": (3, b"out\n", b"err\n"),
        'printf %s "$COLOUR"': (0, asked.env.get("COLOUR", "").encode(), b""),
    }
    return Completed(asked.argv, *scripts[asked.argv[2]])


def _cat(asked: Asked) -> Completed:
    return Completed(asked.argv, 0, asked.stdin or b"", b"")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a path that is short enough for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(params=["supervisor", "memory"])
async def services(request: pytest.FixtureRequest, short_folder: Path) -> AsyncIterator[Services]:
    if request.param == "memory":
        yield MemoryServices()
        return
    site_id = os.urandom(4).hex()
    supervisor = Supervisor(short_folder, site_id)
    supervisor.prepare()
    daemon = SupervisorDaemon(supervisor, site_id)
    await daemon.start()
    yield supervisor
    await daemon.stop()
    for left in processes.site_processes(site_id, str(short_folder)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(left.pid, signal.SIGKILL)
