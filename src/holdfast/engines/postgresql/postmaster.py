"""Which process is the server of a data folder, so that nobody else is ever signalled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.system.host import Host


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that no later one with the same pid can be taken for.

    `start` is its start time in clock ticks since the machine's start.
    """

    pid: int
    start: str


async def running_postmaster(data: PurePosixPath, host: Host) -> ProcessId | None:
    """The living postmaster of a data folder; None when there is none.

    The pid file alone proves nothing: it outlives its process, whose number is given to another.
    The process has to have the data folder as its working folder, as every postmaster has.
    """
    content = await host.read(str(data / "postmaster.pid"))
    first = (content or b"").decode(errors="replace").partition("\n")[0].strip()
    if not first.isdigit():
        return None
    found = await identified(int(first), host)
    if found is None:
        return None
    folder = await host.run(["readlink", f"/proc/{first}/cwd"], check=False)
    return found if folder.text == str(data) else None


async def identified(pid: int, host: Host) -> ProcessId | None:
    """The process with this pid and when it began; None when it has ended."""
    content = await host.read(f"/proc/{pid}/stat")
    if content is None:
        return None
    fields = content.decode(errors="replace").rpartition(")")[2].split()
    return None if len(fields) < 20 or fields[0] in "ZX" else ProcessId(pid, fields[19])


async def is_alive(process: ProcessId, host: Host) -> bool:
    """Whether this very process still lives."""
    return await identified(process.pid, host) == process
