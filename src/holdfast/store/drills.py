"""Everything that was noted in a drill, packed, by operation."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.store import tables


async def keep(connection: AsyncConnection, operation_id: str, raw: bytes) -> None:
    """Keep a record; a second one of the same operation changes nothing."""
    fresh = insert(tables.drill_record).values(operation_id=operation_id, raw=raw)
    await connection.execute(fresh.on_conflict_do_nothing())


async def record(connection: AsyncConnection, operation_id: str) -> bytes | None:
    """The record of an operation, None where there is none."""
    table = tables.drill_record
    query = sa.select(table.c.raw).where(table.c.operation_id == operation_id)
    return (await connection.execute(query)).scalar_one_or_none()
