"""Operations as their requesters see them: ask for one, follow it, stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.store import journal, operations
from holdfast.store.journal import LogLine, StepRecord
from holdfast.store.operations import Operation


@dataclass(frozen=True, slots=True)
class Events:
    """What is new about an operation. `cursor` is what to ask after the next time."""

    operation: Operation
    steps: tuple[StepRecord, ...]
    log: tuple[LogLine, ...]
    cursor: int


async def submit(
    control: Control,
    kind: str,
    request: Mapping[str, Json],
    *,
    database: str | None,
    actor: str,
    refuse_if_busy: bool = False,
    slot: str | None = None,
) -> Operation:
    """Queue an operation and return it at once.

    Raises `Invalid` for an unknown kind or a request that it does not accept; with
    `refuse_if_busy`, `Conflict` when another one on the database is queued or running. With a
    `slot`, `Conflict` when that has its operation already.
    """
    return await control.runtime.submit(
        kind, request, database=database, actor=actor, refuse_if_busy=refuse_if_busy, slot=slot
    )


async def get(control: Control, operation_id: str) -> Operation:
    """One operation. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        return await operations.get(connection, operation_id)


async def recent(
    control: Control,
    *,
    database: str | None = None,
    states: Sequence[str] = (),
    limit: int = 50,
) -> tuple[Operation, ...]:
    """Operations, newest first."""
    async with control.platform.store.begin() as connection:
        return await operations.recent(connection, database=database, states=states, limit=limit)


async def events(control: Control, operation_id: str, *, after: int, wait_s: float) -> Events:
    """What happened after a cursor; waits up to `wait_s` seconds for something to happen.

    The first cursor is -1. Raises `NotFound`.
    """
    await control.runtime.news(operation_id, after=after, wait_s=wait_s)
    async with control.platform.store.begin() as connection:
        # Read in one snapshot, so that the cursor covers exactly what is returned.
        await operations.snapshot(connection)
        operation = await operations.get(connection, operation_id)
        steps = await journal.steps(connection, operation_id, after=after)
        log = await journal.log(connection, operation_id, after=after, limit=_LINES)
    # A long log comes in portions: the cursor then stays at the last line of this one.
    cursor = log[-1].seq if len(log) == _LINES else operation.revision
    return Events(operation, steps, log, cursor)


_LINES = 500


async def cancel(control: Control, operation_id: str) -> Operation:
    """Ask an operation to stop between two steps. A finished one stays as it is."""
    return await control.runtime.cancel(operation_id)
