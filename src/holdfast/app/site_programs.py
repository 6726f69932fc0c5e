"""Starting supervised programs, with the end of their log in the error when they do not come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from holdfast.core.errors import Error, TimedOut
from holdfast.providers.doors import SiteDoors
from holdfast.system.files import read_file
from holdfast.system.host import Program

T = TypeVar("T")


async def ensure_running(doors: SiteDoors, program: Program) -> None:
    """Define the program and have it run."""
    await doors.supervisor.ensure(program)
    found = (await doors.supervisor.status()).get(program.name)
    if found is None or found.state in ("stopped", "failed"):
        await doors.supervisor.start(program.name)


async def or_log(doors: SiteDoors, name: str, work: Awaitable[T]) -> T:
    """Add the end of the program's log to the error when it does not come up."""
    try:
        return await work
    except TimedOut as error:
        log = doors.supervisor.log_of(name)
        tail = await asyncio.to_thread(_tail, log)
        raise TimedOut(
            f"{error.message}; the end of {log} reads: {tail or 'nothing'}",
            subject=error.subject,
            hint=f"look into {log}",
        ) from error


def _tail(log: Path) -> str:
    try:
        said = (read_file(log) or b"")[-2000:]
    except (OSError, Error):
        return ""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:400] if lines else ""
