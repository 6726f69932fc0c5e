"""The door to one machine: commands, files and supervised programs.

Only values and protocols stand here. `local_host` and `supervisor` are the real ones,
`memory_host` is their twin for tests.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

SITE_VARIABLE = "HOLDFAST_SITE"
"""Environment variable that every process of a site carries; leftovers are known by it."""


class Priority(enum.IntEnum):
    """Programs start in this order and stop in the reverse one."""

    CONTROL_DATABASE = 100
    ETCD = 200
    PATRONI = 500
    POOLER = 600
    MONITOR = 650
    NODE_AGENT = 700
    CONTROL_PLANE = 900


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, without the last line's end."""
        return self.stdout.decode(errors="replace").rstrip("\n")


FileKind: TypeAlias = Literal["file", "folder", "link", "socket", "other"]


@dataclass(frozen=True, slots=True)
class FileStat:
    """`mode` holds the permission bits only (0o640); `owner` is a user's name."""

    kind: FileKind
    mode: int
    owner: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised program.

    `argv[0]` is an absolute path. `user` None means the user that supervises. `environment` adds
    to a clean one (PATH, LANG, HOME, USER, the site's mark); it is for settings, not for
    secrets. `stop_signal` is what the supervisor sends first (`TERM`, `INT`), KILL follows after
    `stop_wait_s`. With `log_file` empty, output goes to the supervisor's own log folder.
    """

    name: str
    argv: tuple[str, ...]
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"
    stop_signal: str = "TERM"
    stop_wait_s: int = 30
    priority: int = 500
    log_file: str = ""
    autostart: bool = True


ServiceState: TypeAlias = Literal["running", "starting", "stopped", "failed", "absent"]


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What the supervisor knows of one program; `pid` is the program's own."""

    name: str
    state: ServiceState
    pid: int | None = None
    uptime_s: float | None = None
    detail: str = ""


class Services(Protocol):
    """The supervisor of one machine."""

    async def ensure(self, program: Program) -> bool:
        """Put the definition in place; a changed one restarts the program. True if it changed.

        A program that is defined as wanted stays as it is, even when it is stopped: `start` is
        for that. A new one with `autostart` is started.
        """
        ...

    async def matches(self, program: Program) -> bool:
        """Whether the program is defined exactly so; says nothing of whether it runs."""
        ...

    async def remove(self, name: str) -> None:
        """Stop the program and forget it. Absent is fine."""
        ...

    async def start(self, name: str) -> None:
        """Start the program and return once it was spawned. Running is fine."""
        ...

    async def stop(self, name: str) -> None:
        """Stop the program and return once its process has ended. Stopped or absent is fine."""
        ...

    async def restart(self, name: str) -> None:
        """`stop`, then `start`."""
        ...

    async def status(self) -> dict[str, ServiceStatus]:
        """Every defined program by name. Empty when the supervisor itself is not there."""
        ...


class Host(Protocol):
    """One machine (or, with the local provider, a share of this one)."""

    @property
    def name(self) -> str:
        """How people call it."""
        ...

    @property
    def address(self) -> str:
        """The address its programs listen on."""
        ...

    @property
    def services(self) -> Services:
        """The supervisor of its programs."""
        ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout_s: float = 60.0,
        check: bool = True,
    ) -> Completed:
        """Run a command without a shell, as `user`, in a clean environment plus `env`.

        Raises `NotFound` when there is no such program, `TimedOut` after `timeout_s` (the whole
        process group is killed) and, with `check`, `Error` with the end of stderr when the exit
        code is not 0. No error text holds the environment or stdin.
        """
        ...

    async def read(self, path: str) -> bytes | None:
        """The file's content, None when there is no such file."""
        ...

    async def write(
        self, path: str, content: bytes, *, mode: int = 0o640, owner: str | None = None
    ) -> None:
        """Replace the file at once or not at all. The folder has to exist."""
        ...

    async def make_folder(self, path: str, *, mode: int = 0o750, owner: str | None = None) -> None:
        """Make the folder and its missing parents; set mode and owner of the last one."""
        ...

    async def remove(self, path: str) -> None:
        """Remove a file or a whole tree. Absent is fine."""
        ...

    async def stat(self, path: str) -> FileStat | None:
        """What stands at the path, not following a link; None when nothing does."""
        ...

    async def list(self, path: str) -> list[str]:
        """The names in a folder, sorted; empty when there is no such folder."""
        ...

    async def stranger(self, address: str, port: int) -> str | None:
        """Who of outside of the site listens there, in words; None when nobody does."""
        ...


def program_name(node: str, part: str) -> str:
    """How the program of a node is called: `orders-1-patroni` for node `orders-1`."""
    return f"{node}-{part}"
