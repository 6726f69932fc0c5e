"""What proofs saw. Rows are only ever added."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.promise import Evidence, Verdict
from holdfast.store import tables


async def add(connection: AsyncConnection, proof: Evidence, *, operation_id: str = "") -> None:
    """Record a proof; a second record under the same id changes nothing."""
    fresh = insert(tables.evidence).values(
        id=proof.id,
        kind=proof.kind,
        database=proof.database,
        at=proof.at,
        verdict=str(proof.verdict),
        measured=dict(proof.measured),
        reasons=list(proof.reasons),
        operation_id=operation_id or None,
    )
    await connection.execute(fresh.on_conflict_do_nothing())


async def latest(
    connection: AsyncConnection, database: str, *, since: datetime
) -> dict[str, Evidence]:
    """The newest proof of each kind for one database.

    `since` is when the database was created: an earlier one of the same name proves nothing
    about it.
    """
    table = tables.evidence
    query = (
        sa.select(table)
        .where(table.c.database == database, table.c.at >= since)
        .ext(distinct_on(table.c.kind))
        .order_by(table.c.kind, table.c.at.desc(), table.c.id)
    )
    return {row.kind: _evidence(row) for row in await connection.execute(query)}


async def history(
    connection: AsyncConnection, database: str, kind: str, *, limit: int = 50
) -> tuple[Evidence, ...]:
    """The proofs of one kind, newest first."""
    table = tables.evidence
    query = (
        sa.select(table)
        .where(table.c.database == database, table.c.kind == kind)
        .order_by(table.c.at.desc(), table.c.id)
        .limit(limit)
    )
    return tuple(_evidence(row) for row in await connection.execute(query))


def _evidence(row: sa.Row[tuple[object, ...]]) -> Evidence:
    return Evidence(
        id=row.id,
        kind=row.kind,
        database=row.database,
        at=row.at,
        verdict=Verdict(row.verdict),
        measured=row.measured,
        reasons=tuple(row.reasons),
    )
