"""What was tried lately, of everything that recurs: what the schedule goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.core.change import Json
from holdfast.store import Connection, tables

_KEPT = 8


@dataclass(frozen=True, slots=True)
class Tried:
    """An operation that has ended; `verdict` is empty where it judges nothing."""

    database: str
    kind: str
    request: Mapping[str, Json]
    state: str
    verdict: str
    at: datetime


async def ended(
    connection: Connection, kinds: Sequence[str], *, before: datetime, database: str | None = None
) -> tuple[Tried, ...]:
    """The last few of each database, kind and variant of the request that began before a moment."""
    table = tables.operation
    at = sa.func.coalesce(table.c.started_at, table.c.created_at)
    variant = (table.c.request["kind"].astext, table.c.request["drill"].astext)
    place = sa.func.row_number().over(
        partition_by=(table.c.database, table.c.kind, *variant), order_by=at.desc()
    )
    found = sa.select(
        table.c.database,
        table.c.kind,
        table.c.request,
        table.c.state,
        sa.func.coalesce(table.c.outcome["verdict"].astext, "").label("verdict"),
        at.label("at"),
        place.label("place"),
    ).where(
        table.c.kind.in_(kinds),
        table.c.database.is_not(None),
        table.c.finished_at.is_not(None),
        at <= before,
    )
    if database is not None:
        found = found.where(table.c.database == database)
    last = found.subquery()
    query = sa.select(*[last.c[name] for name in Tried.__slots__]).where(last.c.place <= _KEPT)
    return tuple(Tried(*row) for row in await connection.execute(query))


async def under_way(connection: Connection) -> tuple[tuple[str, str | None], ...]:
    """Kind and database of every operation that is queued or running."""
    table = tables.operation
    query = sa.select(table.c.kind, table.c.database).where(
        table.c.state.in_(("queued", "running"))
    )
    return tuple((row.kind, row.database) for row in await connection.execute(query))


async def backups(connection: Connection, *, before: datetime) -> tuple[Tried, ...]:
    """The newest complete backup of each database and kind, from whatever it was taken by."""
    table = tables.backup
    query = (
        sa.select(table.c.database, table.c.kind, sa.func.max(table.c.started_at).label("at"))
        .where(table.c.state == "complete", table.c.started_at <= before)
        .group_by(table.c.database, table.c.kind)
    )
    return tuple(
        Tried(row.database, "backup", {"kind": row.kind}, "succeeded", "", row.at)
        for row in await connection.execute(query)
    )
