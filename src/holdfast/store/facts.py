"""What an operation leaves in the ledger: that it was asked for, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Json
from holdfast.evidence.leaf import Record
from holdfast.store import evidence, tables

if TYPE_CHECKING:
    from holdfast.store.operations import Operation

SCHEDULER = "scheduler"
"""The actor of what nobody asked for: the tier's cadence did."""
APPROVAL = "approval"


async def record_approval(connection: AsyncConnection, operation: Operation) -> None:
    """Somebody wants this to be done; of a plan, exactly the one with this digest."""
    if operation.actor == SCHEDULER:
        return
    asked: dict[str, Json] = {"operation": operation.kind, "request": dict(operation.request)}
    plan = await _plan(connection, operation)
    if plan is not None:
        asked["plan"] = plan
    fact = Record(
        id=f"{operation.id}-approval",
        kind=APPROVAL,
        at=operation.created_at,
        database=operation.database or "",
        actor=operation.actor,
        operation_id=operation.id,
        measured=asked,
    )
    await evidence.append(connection, [fact])


async def record_end(connection: AsyncConnection, operation: Operation) -> None:
    """How an operation ended, whatever it was: every verb's leaf is made here."""
    assert operation.finished_at is not None
    begun = operation.started_at
    measured: dict[str, Json] = {
        "state": operation.state,
        "request": dict(operation.request),
        "attempts": operation.attempts,
        "took_s": begun and round((operation.finished_at - begun).total_seconds(), 3),
    }
    if operation.outcome is not None:
        measured["outcome"] = dict(operation.outcome)
    said = operation.error or {}
    fact = Record(
        id=operation.id,
        kind=operation.kind,
        at=operation.finished_at,
        database=operation.database or "",
        actor=operation.actor,
        operation_id=operation.id,
        measured=measured,
        reasons=(f"{said['code']}: {said.get('message', '')}",) if said else (),
    )
    await evidence.append(connection, [fact])


async def _plan(connection: AsyncConnection, operation: Operation) -> Json:
    """What was approved, where it was a plan that was kept."""
    plan_id = operation.request.get("plan")
    if not isinstance(plan_id, str):
        return None
    query = sa.select(tables.plan).where(tables.plan.c.id == plan_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return {"id": row.id, "digest": row.digest, "changes": [each["id"] for each in row.changes]}
