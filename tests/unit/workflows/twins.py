"""In-memory twins of what a run stands on, which can die and be replayed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from holdfast.store.journal import LogEntry
from holdfast.workflows.run import Run


class Died(BaseException):
    """The process was killed here."""


class MemoryCheckpoints:
    """Durable places in a dictionary. `begin` starts a replay from the first place."""

    def __init__(self) -> None:
        self.recorded: dict[int, tuple[str, str]] = {}
        self.begin()

    def begin(self) -> None:
        self._next = 0

    def reserve(self) -> _MemoryCheckpoint:
        self._next += 1
        return _MemoryCheckpoint(self.recorded, self._next)


class _MemoryCheckpoint:
    def __init__(self, recorded: dict[int, tuple[str, str]], place: int) -> None:
        self._recorded = recorded
        self._place = place

    async def run(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        if self._place in self._recorded:
            known, text = self._recorded[self._place]
            assert known == name, f"place {self._place} was {known!r} and is now {name!r}"
            await asyncio.sleep(0)
            return json.loads(text)
        result = await act()
        self._recorded[self._place] = (name, json.dumps(result))
        return result


class MemoryJournal:
    """A journal in lists."""

    def __init__(self) -> None:
        self.steps: dict[int, tuple[str, str]] = {}
        self.details: dict[int, dict[str, Any]] = {}
        self.lines: dict[str, str] = {}
        self.stop = False

    async def announce(self, steps: Sequence[tuple[int, str]]) -> None:
        for seq, name in steps:
            self.steps.setdefault(seq, (name, "pending"))

    async def start(self, seq: int, name: str) -> bool:
        self.steps[seq] = (name, "running")
        return self.stop

    async def finish(self, seq: int, state: str, detail: Mapping[str, Any]) -> None:
        self.steps[seq] = (self.steps[seq][0], state)
        self.details.setdefault(seq, {}).update(detail)

    async def describe(self, seq: int, detail: Mapping[str, Any]) -> None:
        self.details.setdefault(seq, {}).update(detail)

    async def write(self, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            self.lines.setdefault(entry.origin, entry.text)

    async def states(self) -> dict[int, str]:
        return {seq: state for seq, (_, state) in self.steps.items()}

    @property
    def by_name(self) -> dict[str, str]:
        return dict(self.steps.values())


class World:
    """One operation over all of its attempts."""

    def __init__(self) -> None:
        self.checkpoints = MemoryCheckpoints()
        self.journal = MemoryJournal()

    def attempt(self) -> Run:
        """What the body gets in the next attempt."""
        self.checkpoints.begin()
        return Run(
            platform=None,  # type: ignore[arg-type]
            operation_id="op-test",
            database="orders",
            actor="tester",
            checkpoints=self.checkpoints,
            journal=self.journal,
        )
