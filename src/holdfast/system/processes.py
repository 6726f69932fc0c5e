"""What the machine says of its processes, read from /proc (`ps` where there is none).

Processes are known by pid *and* start, or by the site's mark in their environment: never by
their name.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.core.errors import Error
from holdfast.system.files import read_file
from holdfast.system.host import SITE_VARIABLE

_PROC = Path("/proc")
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Process:
    """A process of now; `command` is its command line, shortened."""

    pid: int
    command: str


def start_of(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None when it has ended."""
    if not (_PROC / "self" / "stat").exists():
        return _start_by_ps(pid)
    fields = _stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return None
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{fields[19]}@{boot}"


def age_s(pid: int) -> float | None:
    """Seconds since the process began, None where that cannot be said."""
    fields = _stat_fields(pid)
    if fields is None:
        return None
    up_s = float((_PROC / "uptime").read_text().split()[0])
    return max(0.0, up_s - int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def recorded(record: str | os.PathLike[str]) -> int | None:
    """The pid in a launcher's record if that very process still lives."""
    try:
        content = read_file(record) or b""
        pid, _, start = content.decode().strip().partition(" ")
        number = int(pid)
    except (Error, OSError, ValueError):
        return None
    return number if start and start_of(number) == start else None


def carries_mark(pid: int, site_id: str) -> bool:
    """Whether the process was started with this site's mark in its environment."""
    return _has(pid, SITE_VARIABLE, site_id)


def owner_of(pid: int) -> int | None:
    """The number of the user that the process runs as, None when it has ended."""
    try:
        lines = (_PROC / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Uid:")), None)


def started_with(variable: str, value: str) -> list[int]:
    """Pids of all processes that were started with this environment variable, but the caller."""
    return [pid for pid in _pids() if pid != os.getpid() and _has(pid, variable, value)]


def _has(pid: int, variable: str, value: str) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{variable}={value}".encode() in environment.split(b"\0")


def site_processes(site_id: str, home: str) -> list[Process]:
    """All processes of a site, without the caller and its ancestors.

    PostgreSQL's children write their titles over their environment: those are known by the
    title and a working folder inside the home.
    """
    spared = _lineage(os.getpid())
    return [
        Process(pid, command_of(pid))
        for pid in _pids()
        if pid not in spared and (carries_mark(pid, site_id) or _is_backend(pid, home))
    ]


def command_of(pid: int) -> str:
    """The command line, at most 200 characters; empty when the process has ended."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()[:200]


def listener(address: str, port: int) -> int | None:
    """The pid that listens there, None when nobody does or the machine does not tell."""
    inodes = _listening_inodes(address, port)
    for pid in _pids() if inodes else ():
        try:
            for link in (_PROC / str(pid) / "fd").iterdir():
                if str(link.readlink()) in inodes:
                    return pid
        except OSError:
            continue
    return None


def _stat_fields(pid: int) -> list[str] | None:
    """The fields behind the name, beginning with the state."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _start_by_ps(pid: int) -> str | None:
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def _pids() -> Iterator[int]:
    try:
        folders = list(_PROC.iterdir())
    except OSError:
        return
    yield from (int(folder.name) for folder in folders if folder.name.isdigit())


def _lineage(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        fields = _stat_fields(pid)
        pid = int(fields[1]) if fields else 0
    return found


def _is_backend(pid: int, home: str) -> bool:
    if not command_of(pid).startswith("postgres: "):
        return False
    try:
        folder = (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return False
    return folder.is_relative_to(home)


def _listening_inodes(address: str, port: int) -> set[str]:
    """`socket:[123]` of every IPv4 or any-address socket that listens on the port."""
    here = {"0" * 8, "0" * 32, bytes(map(int, address.split(".")))[::-1].hex().upper()}
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            host, _, number = fields[1].partition(":")
            if fields[3] == _LISTEN and int(number, 16) == port and host in here:
                found.add(f"socket:[{fields[9]}]")
    return found
