"""Operations: what was asked, how far it is, how it ended.

Every write to an operation, its steps and its log takes the operation's row lock by counting
`revision` up, and stamps what it writes with the new value. Revisions therefore appear in the
order of their commits, and one number is enough for a reader to ask for everything that is new.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, NotFound
from holdfast.store import facts, tables

FINISHED = ("succeeded", "failed", "cancelled")

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""No letter or digit that reads like another one."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One mutating verb. `state` is queued, running, succeeded, failed or cancelled.

    `database` is None for an operation on the site itself; `error` is what
    `workflows.failure.to_json` makes of an error. `slot` names the due moment of what the schedule
    started: there is one operation a slot.
    """

    id: str
    kind: str
    database: str | None
    request: Mapping[str, Json]
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: Mapping[str, Json] | None
    error: Mapping[str, Json] | None
    cancel_requested: bool
    actor: str
    attempts: int
    revision: int
    slot: str | None

    @property
    def is_finished(self) -> bool:
        """Whether it has reached a final state."""
        return self.state in FINISHED


def new_id() -> str:
    """A fresh operation id, short enough to be typed: `op-7k2m9qwd4`."""
    return "op-" + "".join(secrets.choice(_ALPHABET) for _ in range(9))


async def create(
    connection: AsyncConnection,
    *,
    kind: str,
    database: str | None,
    request: Mapping[str, Json],
    actor: str,
    refuse_if_busy: bool = False,
    slot: str | None = None,
) -> Operation:
    """Queue an operation; who asked for it goes into the ledger.

    With `refuse_if_busy`, raises `Conflict` when another one on this database is queued or
    running. Raises `Conflict` for a slot that has its operation already.
    """
    if database is not None:
        # Orders the check below against another creation on the same database.
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(database, 7))
        await connection.execute(sa.select(lock))
        if refuse_if_busy:
            await _refuse_if_busy(connection, database)
    values = {
        "id": new_id(),
        "kind": kind,
        "database": database,
        "request": dict(request),
        "state": "queued",
        "actor": actor,
        "created_at": sa.func.clock_timestamp(),
        "slot": slot,
    }
    once = tables.operation.c.slot
    fresh = insert(tables.operation).values(values)
    statement = fresh.on_conflict_do_nothing(
        index_elements=[once], index_where=once.is_not(None)
    ).returning(tables.operation)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise Conflict(f"the slot {slot} has its operation already", subject=f"slot {slot}")
    operation = Operation(*row)
    await facts.record_approval(connection, operation)
    return operation


async def _refuse_if_busy(connection: AsyncConnection, database: str) -> None:
    table = tables.operation
    query = (
        sa.select(table.c.id, table.c.kind, table.c.state)
        .where(table.c.database == database, table.c.state.in_(("queued", "running")))
        .order_by(table.c.created_at)
        .limit(1)
    )
    other = (await connection.execute(query)).one_or_none()
    if other is not None:
        raise Conflict(
            f"operation {other.id} ({other.kind}) on database {database!r} is {other.state}",
            subject=f"database {database}",
            hint=f"wait for it with `holdfast op watch {other.id}`, or queue behind it",
        )


async def get(connection: AsyncConnection, operation_id: str) -> Operation:
    """One operation. Raises `NotFound`."""
    query = sa.select(tables.operation).where(tables.operation.c.id == operation_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no operation {operation_id!r}",
            subject=f"operation {operation_id}",
            hint="list them with `holdfast op list`",
        )
    return Operation(*row)


async def recent(
    connection: AsyncConnection,
    *,
    database: str | None = None,
    states: Sequence[str] = (),
    limit: int = 50,
) -> tuple[Operation, ...]:
    """Operations, newest first."""
    table = tables.operation
    query = sa.select(table).order_by(table.c.created_at.desc(), table.c.id).limit(limit)
    if database is not None:
        query = query.where(table.c.database == database)
    if states:
        query = query.where(table.c.state.in_(states))
    return tuple(Operation(*row) for row in await connection.execute(query))


async def count_by_state(connection: AsyncConnection) -> dict[str, int]:
    """How many operations are in each state."""
    table = tables.operation
    query = sa.select(table.c.state, sa.func.count().label("total")).group_by(table.c.state)
    return {row.state: row.total for row in await connection.execute(query)}


async def startable(connection: AsyncConnection) -> tuple[str, ...]:
    """Queued operations whose database has nothing running: the oldest of each database."""
    table = tables.operation
    busy = sa.select(table.c.database).where(
        table.c.state == "running", table.c.database.is_not(None)
    )
    first = (
        sa.select(table.c.id, table.c.database, table.c.created_at)
        .where(
            table.c.state == "queued",
            sa.or_(table.c.database.is_(None), table.c.database.not_in(busy)),
        )
        # Operations on the site itself do not wait for each other.
        .ext(distinct_on(sa.func.coalesce(table.c.database, table.c.id)))
        .order_by(sa.func.coalesce(table.c.database, table.c.id), table.c.created_at, table.c.id)
        .subquery()
    )
    query = sa.select(first.c.id).order_by(first.c.created_at)
    return tuple((await connection.execute(query)).scalars())


async def start(connection: AsyncConnection, operation_id: str) -> bool:
    """Move a queued operation to running; False when it is no longer queued or its turn.

    The fence is the partial unique index: a second one on the same database cannot commit.
    """
    table = tables.operation
    statement = (
        sa.update(table)
        .where(table.c.id == operation_id, table.c.state == "queued")
        .values(
            state="running",
            started_at=sa.func.clock_timestamp(),
            revision=table.c.revision + 1,
        )
    )
    try:
        async with connection.begin_nested():
            return (await connection.execute(statement)).rowcount == 1
    except IntegrityError:
        return False


async def resume(connection: AsyncConnection, operation_id: str) -> Operation:
    """Count one more attempt at running it, and return it."""
    table = tables.operation
    statement = (
        sa.update(table)
        .where(table.c.id == operation_id)
        .values(attempts=table.c.attempts + 1)
        .returning(table)
    )
    return Operation(*(await connection.execute(statement)).one())


async def running(connection: AsyncConnection) -> tuple[Operation, ...]:
    """Every operation that is running, or was when its control plane died."""
    query = sa.select(tables.operation).where(tables.operation.c.state == "running")
    return tuple(Operation(*row) for row in await connection.execute(query))


async def finish(
    connection: AsyncConnection,
    operation_id: str,
    *,
    state: str,
    outcome: Mapping[str, Json] | None = None,
    error: Mapping[str, Json] | None = None,
) -> None:
    """Record how it ended, in the ledger too. A second record changes nothing: the first stands."""
    table = tables.operation
    ended = await connection.execute(
        sa.update(table)
        .where(table.c.id == operation_id, table.c.state.in_(("queued", "running")))
        .values(
            state=state,
            outcome=None if outcome is None else dict(outcome),
            error=None if error is None else dict(error),
            finished_at=sa.func.clock_timestamp(),
            revision=table.c.revision + 1,
        )
        .returning(table)
    )
    row = ended.one_or_none()
    steps = tables.operation_step
    await connection.execute(
        sa.update(steps)
        .where(steps.c.operation_id == operation_id, steps.c.state == "pending")
        .values(state="skipped", revision=await next_revision(connection, operation_id))
    )
    if row is not None:
        await facts.record_end(connection, Operation(*row))


async def request_cancel(connection: AsyncConnection, operation_id: str) -> Operation:
    """Ask for it to stop. A queued one is cancelled at once, a running one between two steps."""
    table = tables.operation
    query = sa.select(table).where(table.c.id == operation_id).with_for_update()
    found = (await connection.execute(query)).one_or_none()
    if found is not None and found.state == "queued":
        await finish(connection, operation_id, state="cancelled")
    elif found is not None and found.state == "running":
        await connection.execute(
            sa.update(table)
            .where(table.c.id == operation_id)
            .values(cancel_requested=True, revision=table.c.revision + 1)
        )
    return await get(connection, operation_id)


async def next_revision(connection: AsyncConnection, operation_id: str, *, by: int = 1) -> int:
    """Count the revision up, which also takes the row lock until the transaction ends."""
    table = tables.operation
    statement = (
        sa.update(table)
        .where(table.c.id == operation_id)
        .values(revision=table.c.revision + by)
        .returning(table.c.revision)
    )
    return int((await connection.execute(statement)).scalar_one())


async def snapshot(connection: AsyncConnection) -> None:
    """Make everything that this transaction reads come from one moment; call it first."""
    await connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def ping(connection: AsyncConnection) -> None:
    """One round trip to the control database."""
    await connection.execute(sa.text("SELECT 1"))
