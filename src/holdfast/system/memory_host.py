"""A machine in memory: a file tree, scripted commands, programs that only have a state."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from holdfast.core.errors import Error, NotFound
from holdfast.system.host import Completed, FileKind, FileStat, Program, ServiceStatus


@dataclass(frozen=True, slots=True)
class Asked:
    """One command as it was asked for."""

    argv: tuple[str, ...]
    user: str | None
    env: Mapping[str, str]
    stdin: bytes | None


Answer: TypeAlias = Callable[[Asked], Completed]


class MemoryServices:
    """Programs that run as soon as they are started; `fail` makes one crash."""

    def __init__(self) -> None:
        self.programs: dict[str, Program] = {}
        self._states: dict[str, ServiceStatus] = {}
        self._next_pid = 1000

    async def matches(self, program: Program) -> bool:
        """Whether the program is defined exactly so."""
        return self.programs.get(program.name) == program

    async def ensure(self, program: Program) -> bool:
        """Put the definition in place."""
        if self.programs.get(program.name) == program:
            return False
        self.programs[program.name] = program
        self._states[program.name] = ServiceStatus(program.name, "stopped")
        if program.autostart:
            await self.start(program.name)
        return True

    async def remove(self, name: str) -> None:
        """Forget the program."""
        self.programs.pop(name, None)
        self._states.pop(name, None)

    async def start(self, name: str) -> None:
        """Start the program."""
        if name not in self.programs:
            raise NotFound(f"no program {name} is defined", subject=f"program {name}")
        if self._states[name].state != "running":
            self._next_pid += 1
            self._states[name] = ServiceStatus(name, "running", self._next_pid, 0.0)

    async def stop(self, name: str) -> None:
        """Stop the program."""
        if name in self._states:
            self._states[name] = ServiceStatus(name, "stopped")

    async def restart(self, name: str) -> None:
        """Stop and start."""
        await self.stop(name)
        await self.start(name)

    async def status(self) -> dict[str, ServiceStatus]:
        """Every defined program by name."""
        return dict(self._states)

    def fail(self, name: str, detail: str = "exited too quickly") -> None:
        """Let the program be found dead."""
        self._states[name] = ServiceStatus(name, "failed", detail=detail)


@dataclass(slots=True)
class _Entry:
    kind: FileKind
    mode: int
    owner: str
    content: bytes = b""


@dataclass
class MemoryHost:
    """A machine that a test can look into.

    `answers` maps the first words of a command to what it does (the longest match counts);
    `strangers` says who else listens on an address and port; `asked` lists all commands;
    `user` owns what nobody else was named for.
    """

    name: str = "memory"
    address: str = "127.0.0.1"
    user: str = "tester"
    answers: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    strangers: dict[tuple[str, int], str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    services: MemoryServices = field(default_factory=MemoryServices)
    _tree: dict[str, _Entry] = field(default_factory=dict)

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
        """Give the scripted answer. Raises `NotFound` for a command without one."""
        asked = Asked(tuple(argv), user, dict(env or {}), stdin)
        self.asked.append(asked)
        for count in range(len(argv), 0, -1):
            answer = self.answers.get(tuple(argv[:count]))
            if answer is not None:
                done = answer(asked)
                if check and done.exit_code != 0:
                    said = done.stderr.decode(errors="replace").strip()
                    raise Error(f"{argv[0]} failed (exit code {done.exit_code}): {said}")
                return done
        raise NotFound(f"cannot run {shlex.join(argv)}: no such command")

    async def read(self, path: str) -> bytes | None:
        """The file's content."""
        entry = self._tree.get(_plain(path))
        return entry.content if entry is not None and entry.kind == "file" else None

    async def write(
        self, path: str, content: bytes, *, mode: int = 0o640, owner: str | None = None
    ) -> None:
        """Set the file's content."""
        at = _plain(path)
        folder = self._tree.get(posixpath.dirname(at))
        if posixpath.dirname(at) != "/" and (folder is None or folder.kind != "folder"):
            raise Error(f"cannot write {at}: no such file or directory")
        self._tree[at] = _Entry("file", mode, owner or self.user, bytes(content))

    async def make_folder(self, path: str, *, mode: int = 0o750, owner: str | None = None) -> None:
        """Make the folder and its missing parents."""
        at = _plain(path)
        parent = posixpath.dirname(at)
        while parent != "/":
            self._tree.setdefault(parent, _Entry("folder", 0o755, self.user))
            parent = posixpath.dirname(parent)
        found = self._tree.get(at)
        if found is not None and found.kind != "folder":
            raise Error(f"cannot make the folder {at}: file exists")
        before = found.owner if found is not None else self.user
        self._tree[at] = _Entry("folder", mode, owner or before)

    async def remove(self, path: str) -> None:
        """Remove a file or a tree."""
        at = _plain(path)
        for known in list(self._tree):
            if known == at or known.startswith(at + "/"):
                del self._tree[known]

    async def stat(self, path: str) -> FileStat | None:
        """What stands at the path."""
        entry = self._tree.get(_plain(path))
        if entry is None:
            return None
        return FileStat(entry.kind, entry.mode, entry.owner, len(entry.content))

    async def stranger(self, address: str, port: int) -> str | None:
        """Who of outside of the site listens there."""
        return self.strangers.get((address, port))

    async def list(self, path: str) -> list[str]:
        """The names in a folder."""
        at = _plain(path).rstrip("/") + "/"
        return sorted(
            known.removeprefix(at)
            for known in self._tree
            if known.startswith(at) and "/" not in known.removeprefix(at)
        )


def completes(stdout: str = "", *, exit_code: int = 0, stderr: str = "") -> Answer:
    """An answer that always says the same."""
    done = Completed((), exit_code, stdout.encode(), stderr.encode())
    return lambda asked: replace(done, argv=asked.argv)


def _plain(path: str) -> str:
    return posixpath.normpath(path)
