"""How `up` and `down` tell what they are doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from holdfast.core.errors import Error


@dataclass(frozen=True, slots=True)
class Step:
    """One step of `up` or `down` as it goes; `seconds` is 0 when it has just begun."""

    name: str
    state: Literal["started", "done", "failed"]
    seconds: float = 0.0
    detail: str = ""


Progress: TypeAlias = Callable[[Step], None]


def quiet(step: Step) -> None:
    """Tell nobody."""


@asynccontextmanager
async def step(name: str, progress: Progress) -> AsyncIterator[None]:
    """Tell the step's beginning and its end, good or bad."""
    start = time.monotonic()
    progress(Step(name, "started"))
    try:
        yield
    except Exception as error:
        progress(Step(name, "failed", time.monotonic() - start, str(error)))
        raise
    progress(Step(name, "done", time.monotonic() - start))


async def run(name: str, progress: Progress, work: Awaitable[object]) -> None:
    """Do a piece of work as a step."""
    async with step(name, progress):
        await work


async def together(*work: Awaitable[None]) -> None:
    """Do all of it at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(_awaited(one))
    except BaseExceptionGroup as errors:
        known = [error for error in errors.exceptions if isinstance(error, Error)]
        raise (known[0] if known else errors.exceptions[0]) from None


async def _awaited(work: Awaitable[None]) -> None:
    await work
