"""Plans that were shown to somebody, so that an apply does exactly what was approved."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Change, Json, Plan
from holdfast.core.errors import NotFound
from holdfast.store import tables


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan with the spec it was made for."""

    id: str
    plan: Plan
    digest: str
    spec: Mapping[str, Json]
    created_at: datetime


async def save(connection: AsyncConnection, plan: Plan, spec: Mapping[str, Json]) -> str:
    """Record a plan and return its id."""
    plan_id = f"plan-{secrets.token_hex(5)}"
    values = {
        "id": plan_id,
        "database": plan.database,
        "digest": plan.digest,
        "changes": [change.to_json() for change in plan.changes],
        "spec": dict(spec),
    }
    await connection.execute(sa.insert(tables.plan).values(values))
    return plan_id


async def get(connection: AsyncConnection, plan_id: str) -> SavedPlan:
    """One plan. Raises `NotFound`."""
    query = sa.select(tables.plan).where(tables.plan.c.id == plan_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no plan {plan_id!r}",
            subject=f"plan {plan_id}",
            hint="make a new one with `holdfast plan`",
        )
    changes = tuple(Change.from_json(change) for change in row.changes)
    return SavedPlan(row.id, Plan(row.database, changes), row.digest, row.spec, row.created_at)


async def prune(connection: AsyncConnection, before: datetime) -> int:
    """Forget plans made before a moment; how many there were."""
    statement = sa.delete(tables.plan).where(tables.plan.c.created_at < before)
    return (await connection.execute(statement)).rowcount
