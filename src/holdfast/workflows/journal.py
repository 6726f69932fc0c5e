"""Where a run writes down what it does: its steps, their progress, its log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from holdfast.core.change import Json
from holdfast.core.errors import Transient
from holdfast.store import Connection, Store, journal, operations
from holdfast.store.journal import LogEntry

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Journal(Protocol):
    """The journal of one operation. Places of steps count from 1."""

    async def announce(self, steps: Sequence[tuple[int, str]]) -> None:
        """Write down steps that will run later."""
        ...

    async def start(self, seq: int, name: str) -> bool:
        """Write down that a step starts; whether the operation is asked to stop."""
        ...

    async def finish(self, seq: int, state: str, detail: Mapping[str, Json]) -> None:
        """Write down how a step ended: succeeded, failed or cancelled."""
        ...

    async def describe(self, seq: int, detail: Mapping[str, Json]) -> None:
        """Add to the detail of a running step."""
        ...

    async def write(self, entries: Sequence[LogEntry]) -> None:
        """Append to the log."""
        ...

    async def states(self) -> dict[int, str]:
        """The state of every step written down so far, by place."""
        ...


class StoredJournal:
    """A journal in the control database.

    It waits for a database that is away, however long that takes: a run cannot go on without its
    journal, and to fail because of a restart of the control database would be worse.
    """

    def __init__(self, store: Store, operation_id: str, *, on_write: Callable[[], None]) -> None:
        self._store = store
        self._id = operation_id
        self._on_write = on_write

    async def announce(self, steps: Sequence[tuple[int, str]]) -> None:
        """See `Journal`."""

        async def write(connection: Connection) -> None:
            for seq, name in steps:
                await journal.plan_step(connection, self._id, seq, name)

        await self._write(write)

    async def start(self, seq: int, name: str) -> bool:
        """See `Journal`."""
        return await self._write(lambda c: journal.start_step(c, self._id, seq, name))

    async def finish(self, seq: int, state: str, detail: Mapping[str, Json]) -> None:
        """See `Journal`."""
        await self._write(
            lambda c: journal.finish_step(c, self._id, seq, state=state, detail=detail)
        )

    async def describe(self, seq: int, detail: Mapping[str, Json]) -> None:
        """See `Journal`."""
        await self._write(lambda c: journal.describe_step(c, self._id, seq, detail))

    async def write(self, entries: Sequence[LogEntry]) -> None:
        """See `Journal`."""
        await self._write(lambda c: journal.write_log(c, self._id, entries))

    async def states(self) -> dict[int, str]:
        """See `Journal`."""
        steps = await self._write(lambda c: journal.steps(c, self._id))
        return {step.seq: step.state for step in steps}

    async def resume(self) -> operations.Operation:
        """Count one more attempt and return the operation."""
        return await self._write(lambda c: operations.resume(c, self._id))

    async def close(
        self,
        state: str,
        *,
        outcome: Mapping[str, Json] | None = None,
        error: Mapping[str, Json] | None = None,
    ) -> None:
        """Record how the whole operation ended."""
        await self._write(
            lambda c: operations.finish(c, self._id, state=state, outcome=outcome, error=error)
        )

    async def _write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        result = await persistently(self._store, work)
        self._on_write()
        return result


async def persistently(store: Store, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do `work` in one transaction, again and again until the control database answers."""
    wait_s = 0.1
    while True:
        try:
            async with store.begin() as connection:
                return await work(connection)
        except Transient as error:
            _log.warning("waiting for the control database: %s", error.message)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)
