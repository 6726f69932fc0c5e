"""What happens inside an operation: its steps, their progress, and its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Json
from holdfast.store import tables
from holdfast.store.operations import next_revision


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as it was recorded; `seq` is its place in the operation, from 1."""

    seq: int
    name: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    detail: Mapping[str, Json]
    revision: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of an operation's log; `seq` is the revision it was written at."""

    seq: int
    at: datetime
    level: str
    text: str
    step: int | None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line to be written. `origin` makes it unique, so that a replay does not write it twice."""

    level: str
    text: str
    step: int | None
    origin: str


async def plan_step(connection: AsyncConnection, operation_id: str, seq: int, name: str) -> None:
    """Announce a step that will run later."""
    fresh = insert(tables.operation_step).values(
        operation_id=operation_id,
        seq=seq,
        name=name,
        state="pending",
        revision=await next_revision(connection, operation_id),
    )
    await connection.execute(fresh.on_conflict_do_nothing())


async def start_step(connection: AsyncConnection, operation_id: str, seq: int, name: str) -> bool:
    """Record that a step starts; whether its operation is asked to stop."""
    table = tables.operation_step
    revision = await next_revision(connection, operation_id)
    fresh = insert(table).values(
        operation_id=operation_id,
        seq=seq,
        name=name,
        state="running",
        started_at=sa.func.clock_timestamp(),
        attempts=1,
        revision=revision,
    )
    statement = fresh.on_conflict_do_update(
        index_elements=[table.c.operation_id, table.c.seq],
        set_={
            "name": fresh.excluded.name,
            "state": "running",
            "started_at": sa.func.clock_timestamp(),
            "finished_at": None,
            "attempts": table.c.attempts + 1,
            "revision": revision,
        },
    )
    await connection.execute(statement)
    query = sa.select(tables.operation.c.cancel_requested).where(
        tables.operation.c.id == operation_id
    )
    return bool((await connection.execute(query)).scalar_one())


async def finish_step(
    connection: AsyncConnection,
    operation_id: str,
    seq: int,
    *,
    state: str,
    detail: Mapping[str, Json],
) -> None:
    """Record how a step ended; `detail` is added to what is there."""
    await _update_step(
        connection,
        operation_id,
        seq,
        detail,
        {"state": state, "finished_at": sa.func.clock_timestamp()},
    )


async def describe_step(
    connection: AsyncConnection, operation_id: str, seq: int, detail: Mapping[str, Json]
) -> None:
    """Add to the detail of a running step, its progress for example."""
    await _update_step(connection, operation_id, seq, detail, {})


async def _update_step(
    connection: AsyncConnection,
    operation_id: str,
    seq: int,
    detail: Mapping[str, Json],
    values: Mapping[str, object],
) -> None:
    table = tables.operation_step
    added = sa.cast(sa.literal(dict(detail), JSONB), JSONB)
    await connection.execute(
        sa.update(table)
        .where(table.c.operation_id == operation_id, table.c.seq == seq)
        .values(
            detail=table.c.detail.op("||")(added),
            revision=await next_revision(connection, operation_id),
            **values,
        )
    )


async def steps(
    connection: AsyncConnection, operation_id: str, *, after: int = -1
) -> tuple[StepRecord, ...]:
    """Steps that changed after a revision, by their place."""
    table = tables.operation_step
    query = (
        sa.select(*[column for column in table.c if column.name != "operation_id"])
        .where(table.c.operation_id == operation_id, table.c.revision > after)
        .order_by(table.c.seq)
    )
    return tuple(StepRecord(*row) for row in await connection.execute(query))


async def write_log(
    connection: AsyncConnection, operation_id: str, entries: Sequence[LogEntry]
) -> None:
    """Append lines in order; one whose origin is there already is left out."""
    revision = await next_revision(connection, operation_id, by=len(entries))
    rows = [
        {
            "operation_id": operation_id,
            "seq": revision - len(entries) + place,
            "at": sa.func.clock_timestamp(),
            "level": entry.level,
            "text": entry.text,
            "step": entry.step,
            "origin": entry.origin,
        }
        for place, entry in enumerate(entries, start=1)
    ]
    await connection.execute(insert(tables.operation_log).values(rows).on_conflict_do_nothing())


async def log(
    connection: AsyncConnection, operation_id: str, *, after: int = 0, limit: int = 500
) -> tuple[LogLine, ...]:
    """Lines written after a revision, in order."""
    table = tables.operation_log
    query = (
        sa.select(table.c.seq, table.c.at, table.c.level, table.c.text, table.c.step)
        .where(table.c.operation_id == operation_id, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(limit)
    )
    return tuple(LogLine(*row) for row in await connection.execute(query))
