"""Wait for a condition with a deadline, and say what was missing when it passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from holdfast.core.errors import TimedOut
from holdfast.engines.postgresql.doors import Doors


async def until(
    outstanding: Callable[[], Awaitable[str]],
    doors: Doors,
    *,
    deadline_s: float,
    what: str,
    every_s: float = 0.1,
    hint: str = "look at holdfast describe and at the node's log",
) -> None:
    """Return once `outstanding()` gives an empty text. Raises `TimedOut` with the last one."""
    end = doors.clock.monotonic() + deadline_s
    while missing := await outstanding():
        if doors.clock.monotonic() >= end:
            raise TimedOut(
                f"{what} did not come within {deadline_s:g} s: {missing}", subject=what, hint=hint
            )
        await doors.clock.sleep(every_s)
