"""Which address belongs to which node or sandbox.

Allocation takes one advisory lock, so two operations never pick the same address. An address
that was given back is the last to be given out again: an old connection URI then meets nobody
for as long as possible, instead of somebody else's server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.errors import Refused
from holdfast.store import tables

_LOCK = 0x6164647265737365
"""Advisory lock of address allocation: "addresse" in ASCII."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of one database; ordinals count from 1 and are never renumbered.

    Beyond the number of nodes in the document, it is a place that is kept for one.
    """

    database: str
    ordinal: int
    address: str
    created_at: datetime


async def of_database(connection: AsyncConnection, database: str) -> tuple[Node, ...]:
    """The nodes of one database by ordinal."""
    query = (
        sa.select(tables.node)
        .where(tables.node.c.database == database)
        .order_by(tables.node.c.ordinal)
    )
    return tuple(Node(*row) for row in await connection.execute(query))


async def every(connection: AsyncConnection) -> tuple[Node, ...]:
    """The nodes of all databases."""
    query = sa.select(tables.node).order_by(tables.node.c.database, tables.node.c.ordinal)
    return tuple(Node(*row) for row in await connection.execute(query))


async def allocate(
    connection: AsyncConnection, database: str, ordinal: int, candidates: Sequence[str]
) -> str:
    """The address of this node, taken from `candidates` when it has none yet.

    The database must exist. Raises `Refused` when every candidate is taken.
    """
    await _lock(connection)
    if held := await _held(connection, database, ordinal):
        return held
    address = await _free(connection, candidates)
    values = {"database": database, "ordinal": ordinal, "address": address}
    await connection.execute(sa.insert(tables.node).values(values))
    return address


async def reserve(
    connection: AsyncConnection, database: str, ordinal: int, candidates: Sequence[str]
) -> str | None:
    """As `allocate`, for a node that may come one day; None once half of `candidates` is taken.

    What is there already goes before what may come.
    """
    await _lock(connection)
    if held := await _held(connection, database, ordinal):
        return held
    taken = (await _taken(connection)).intersection(candidates)
    if 2 * len(taken) >= len(candidates):
        return None
    return await allocate(connection, database, ordinal, candidates)


async def release_all(connection: AsyncConnection, database: str) -> None:
    """Give all addresses of a database back."""
    await _release(
        connection,
        sa.delete(tables.node)
        .where(tables.node.c.database == database)
        .returning(tables.node.c.address),
    )


async def allocate_sandbox(
    connection: AsyncConnection, owner: str, candidates: Sequence[str]
) -> str:
    """The sandbox address of `owner`, which is an operation's id or anything as unique."""
    await _lock(connection)
    mine = sa.select(tables.sandbox.c.address).where(tables.sandbox.c.owner == owner)
    held: str | None = (await connection.execute(mine)).scalar_one_or_none()
    if held is not None:
        return held
    address = await _free(connection, candidates)
    await connection.execute(sa.insert(tables.sandbox).values(owner=owner, address=address))
    return address


async def release_sandbox(connection: AsyncConnection, owner: str) -> None:
    """Give a sandbox's address back; absent is fine."""
    await _release(
        connection,
        sa.delete(tables.sandbox)
        .where(tables.sandbox.c.owner == owner)
        .returning(tables.sandbox.c.address),
    )


async def sandboxes(connection: AsyncConnection) -> dict[str, str]:
    """Addresses of all sandboxes by owner."""
    query = sa.select(tables.sandbox.c.owner, tables.sandbox.c.address)
    return {row.owner: row.address for row in await connection.execute(query)}


async def _lock(connection: AsyncConnection) -> None:
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


async def _held(connection: AsyncConnection, database: str, ordinal: int) -> str | None:
    mine = sa.select(tables.node.c.address).where(
        tables.node.c.database == database, tables.node.c.ordinal == ordinal
    )
    held: str | None = (await connection.execute(mine)).scalar_one_or_none()
    return held


async def _taken(connection: AsyncConnection) -> set[str]:
    query = sa.select(tables.node.c.address).union(sa.select(tables.sandbox.c.address))
    return set((await connection.execute(query)).scalars())


async def _free(connection: AsyncConnection, candidates: Sequence[str]) -> str:
    taken = await _taken(connection)
    released_query = sa.select(
        tables.released_address.c.address, tables.released_address.c.released_at
    )
    released = {row.address: row.released_at for row in await connection.execute(released_query)}
    free = [address for address in candidates if address not in taken]
    if not free:
        raise Refused(
            f"all {len(candidates)} addresses are taken",
            subject="addresses",
            hint="delete a database or reduce its nodes",
        )
    never = [address for address in free if address not in released]
    return never[0] if never else min(free, key=lambda address: released[address])


async def _release(connection: AsyncConnection, delete: sa.Executable) -> None:
    for address in (await connection.execute(delete)).scalars().all():
        fresh = insert(tables.released_address).values(
            address=address, released_at=sa.func.clock_timestamp()
        )
        await connection.execute(
            fresh.on_conflict_do_update(
                index_elements=[tables.released_address.c.address],
                set_={"released_at": fresh.excluded.released_at},
            )
        )
