"""What is wrong with databases now, and what was: one row from its first sight to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Json
from holdfast.core.finding import Finding
from holdfast.store import tables


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding that lasts. `ended_at` is None while it is still so."""

    number: int
    database: str
    finding: str
    severity: str
    message: str
    hint: str
    evidence: Mapping[str, Json]
    began_at: datetime
    seen_at: datetime
    ended_at: datetime | None


async def settle(
    connection: AsyncConnection,
    database: str,
    family: str,
    findings: Sequence[Finding],
    *,
    unseen: Collection[str] = (),
) -> list[str]:
    """Have just these findings of a family (`archive.`) be open; the ids that began.

    What is `unseen` stays as it is.
    """
    table = tables.alarm
    before = {each.finding for each in await open_of(connection, database, family=family)}
    now = {each.id: each for each in findings}
    for each in now.values():
        fresh = insert(table).values(
            database=database,
            finding=each.id,
            severity=str(each.severity),
            message=each.message,
            hint=each.hint,
            evidence=dict(each.evidence),
        )
        await connection.execute(
            fresh.on_conflict_do_update(
                index_elements=[table.c.database, table.c.finding],
                index_where=table.c.ended_at.is_(None),
                set_={
                    "message": fresh.excluded.message,
                    "hint": fresh.excluded.hint,
                    "evidence": fresh.excluded.evidence,
                    "seen_at": sa.func.now(),
                },
            )
        )
    ended = sorted(before - set(now) - set(unseen))
    if ended:
        await connection.execute(
            sa.update(table)
            .where(
                table.c.database == database,
                table.c.finding.in_(ended),
                table.c.ended_at.is_(None),
            )
            .values(ended_at=sa.func.now())
        )
    return sorted(set(now) - before)


async def last_end(
    connection: AsyncConnection, database: str, findings: Collection[str]
) -> datetime | None:
    """When the last of these was over; None when there was none."""
    table = tables.alarm
    query = sa.select(sa.func.max(table.c.ended_at)).where(
        table.c.database == database, table.c.finding.in_(findings)
    )
    found: datetime | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def open_of(
    connection: AsyncConnection, database: str | None = None, *, family: str = ""
) -> tuple[Alarm, ...]:
    """What is wrong now, oldest first, with one database or with any."""
    table = tables.alarm
    query = sa.select(table).where(table.c.ended_at.is_(None)).order_by(table.c.number)
    if database is not None:
        query = query.where(table.c.database == database)
    if family:
        query = query.where(table.c.finding.startswith(family, autoescape=True))
    return tuple(Alarm(*row) for row in await connection.execute(query))


async def history(connection: AsyncConnection, database: str, *, limit: int) -> tuple[Alarm, ...]:
    """What was and is wrong with a database, newest first."""
    table = tables.alarm
    query = (
        sa.select(table)
        .where(table.c.database == database)
        .order_by(table.c.number.desc())
        .limit(limit)
    )
    return tuple(Alarm(*row) for row in await connection.execute(query))


async def forget(connection: AsyncConnection, database: str) -> None:
    """Leave nothing of a database that is deleted: another one may get its name."""
    for table in (tables.alarm, tables.archive_look):
        await connection.execute(sa.delete(table).where(table.c.database == database))


async def keep_look(connection: AsyncConnection, database: str, seen: Mapping[str, Json]) -> None:
    """Keep what was seen of a database's archive last."""
    fresh = insert(tables.archive_look).values(database=database, seen=dict(seen))
    await connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[tables.archive_look.c.database],
            set_={"seen": fresh.excluded.seen, "at": sa.func.now()},
        )
    )


async def last_look(connection: AsyncConnection, database: str) -> Mapping[str, Json] | None:
    """What was seen of a database's archive last; None before the first look."""
    query = sa.select(tables.archive_look.c.seen).where(tables.archive_look.c.database == database)
    found: Mapping[str, Json] | None = (await connection.execute(query)).scalar_one_or_none()
    return found
