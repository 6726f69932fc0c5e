"""Signed tree heads of the evidence ledger, as the control database has them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.evidence.head import SignedHead
from holdfast.store import tables


async def put(connection: AsyncConnection, signed: SignedHead) -> None:
    """Add a signed head. Two of one number are refused by the table."""
    head = signed.head
    fresh = sa.insert(tables.evidence_head).values(
        number=head.number,
        size=head.size,
        at=head.at,
        content=signed.text,
        signature=signed.signature,
    )
    await connection.execute(fresh)


async def last(connection: AsyncConnection) -> SignedHead | None:
    """The newest head, None before the first one."""
    table = tables.evidence_head
    query = sa.select(table).order_by(table.c.number.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else SignedHead(row.content, row.signature)


async def after(connection: AsyncConnection, number: int) -> tuple[SignedHead, ...]:
    """The heads beyond a number, oldest first."""
    table = tables.evidence_head
    query = sa.select(table).where(table.c.number > number).order_by(table.c.number)
    return tuple(SignedHead(row.content, row.signature) for row in await connection.execute(query))
