"""The databases that the platform answers for: what was declared, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Json
from holdfast.core.errors import NotFound
from holdfast.store import nodes, tables


@dataclass(frozen=True, slots=True)
class Database:
    """A declared database. `generation` counts the specs accepted for it, from 1."""

    name: str
    spec: Mapping[str, Json]
    generation: int
    phase: str
    created_at: datetime
    updated_at: datetime


async def put(
    connection: AsyncConnection, name: str, spec: Mapping[str, Json], *, phase: str
) -> Database:
    """Record the spec; the generation only moves when the spec differs."""
    table = tables.database
    fresh = insert(table).values(name=name, spec=dict(spec), generation=1, phase=phase)
    changed = table.c.spec.is_distinct_from(fresh.excluded.spec)
    statement = fresh.on_conflict_do_update(
        index_elements=[table.c.name],
        set_={
            "spec": fresh.excluded.spec,
            "phase": fresh.excluded.phase,
            "generation": table.c.generation + sa.case((changed, 1), else_=0),
            "updated_at": sa.func.now(),
        },
    ).returning(table)
    return Database(*(await connection.execute(statement)).one())


async def set_phase(connection: AsyncConnection, name: str, phase: str) -> None:
    """Move a database to another phase. Raises `NotFound`."""
    statement = (
        sa.update(tables.database)
        .where(tables.database.c.name == name)
        .values(phase=phase, updated_at=sa.func.now())
    )
    if (await connection.execute(statement)).rowcount == 0:
        raise _missing(name)


async def get(connection: AsyncConnection, name: str) -> Database:
    """One database. Raises `NotFound`."""
    found = await find(connection, name)
    if found is None:
        raise _missing(name)
    return found


async def find(connection: AsyncConnection, name: str) -> Database | None:
    """One database, or None."""
    query = sa.select(tables.database).where(tables.database.c.name == name)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Database(*row)


async def every(connection: AsyncConnection) -> tuple[Database, ...]:
    """All databases by name."""
    query = sa.select(tables.database).order_by(tables.database.c.name)
    return tuple(Database(*row) for row in await connection.execute(query))


async def remove(connection: AsyncConnection, name: str) -> bool:
    """Forget a database and its nodes; False when it was not there.

    Its addresses count as released, see `nodes`.
    """
    await nodes.release_all(connection, name)
    statement = sa.delete(tables.database).where(tables.database.c.name == name)
    return (await connection.execute(statement)).rowcount > 0


def _missing(name: str) -> NotFound:
    return NotFound(
        f"there is no database {name!r}",
        subject=f"database {name}",
        hint="list what exists with `holdfast get databases`",
    )
