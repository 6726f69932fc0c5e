"""How far a long step is: bytes done, of how many, and how long the rest will take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias, TypeVar

from holdfast.core.units import show_bytes, show_duration
from holdfast.system.clock import Clock

T = TypeVar("T")
Report: TypeAlias = Callable[[float, float, str], None]
"""Takes what is done, of how much, and words: `Run.progress`."""
_EVERY_S = 1.0
_KNOWN_AFTER_S = 2.0
"""Before that, a rate says nothing."""


class Meter:
    """Reports progress in bytes; `what` is a word for them (`restored`)."""

    def __init__(self, report: Report, clock: Clock, what: str) -> None:
        self._report, self._clock, self._what = report, clock, what
        self._begun = clock.monotonic()

    def at(self, done: float, total: float) -> None:
        """So many bytes are done, of so many."""
        spent_s = self._clock.monotonic() - self._begun
        if not total:
            return
        done = min(done, total)
        text = f"of {show_bytes(round(total))} {self._what}"
        if done and spent_s > _KNOWN_AFTER_S:
            text += f", {show_duration(spent_s * (total - done) / done)} left"
        self._report(done, total, text)


async def watched(
    work: Coroutine[object, object, T],
    look: Callable[[], Awaitable[tuple[float, float]]],
    meter: Meter,
) -> T:
    """The work's result; while it goes on, `look` says every second what is done, of how much."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_EVERY_S)
            if not task.done():
                meter.at(*await look())
        return await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
