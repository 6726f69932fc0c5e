"""The table of a write ledger: made, read back and removed."""

from __future__ import annotations

from enum import StrEnum

import psycopg
from psycopg import sql

from holdfast.core.errors import Refused
from holdfast.engines.postgresql.doors import Connection
from holdfast.recovery.ledger import Row

SCHEMA = "holdfast_drill"
_MARK = "ledger of holdfast drill "
_WHOSE = """
select r.rolsuper, pg_catalog.obj_description(n.oid, 'pg_namespace')
from pg_catalog.pg_namespace n
join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) n.nspowner
where n.nspname operator(pg_catalog.=) %s::pg_catalog.name
"""
_READ = """
select session, number, position,
       ('x' || pg_catalog.lpad(timeline, 8, '0'))::bit(32)::bigint,
       extract(epoch from at)::float8
from holdfast_drill.ledger
"""


class Owner(StrEnum):
    """Who has a schema of the ledger's name."""

    NOBODY = "nobody"
    PLATFORM = "platform"
    ANOTHER = "another"


async def create_table(connection: Connection, writer: str, *, mark: str) -> None:
    """An empty ledger table of the platform's own, in which `writer` may insert.

    `mark` says who made it. Raises `Refused` when a schema of that name belongs to somebody else.
    """
    async with connection.transaction():
        if await _owner(connection) is Owner.ANOTHER:
            raise Refused(
                f"schema {SCHEMA} of database {connection.info.dbname} is not the platform's",
                subject=f"schema {SCHEMA}",
                hint="give it another name: the drill keeps its ledger in a schema of that name",
            )
        await drop_table(connection)
        await connection.execute(f"create schema {SCHEMA}")
        await connection.execute(
            sql.SQL("comment on schema {} is {}").format(
                sql.Identifier(SCHEMA), sql.Literal(f"{_MARK}{mark}")
            )
        )
        # Nothing here is unique: that every write is there once is for the ledger to find out.
        await connection.execute(
            f"create table {SCHEMA}.ledger (position bigint generated always as identity, "
            "session int not null, number bigint not null, "
            "at timestamptz not null default pg_catalog.clock_timestamp(), "
            "timeline text not null default pg_catalog.substr("
            "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))"
        )
        await connection.execute(f"create index on {SCHEMA}.ledger (session, number)")
        role = sql.Identifier(writer)
        for grant in (
            "grant usage on schema holdfast_drill to {}",
            "grant select, insert (session, number) on holdfast_drill.ledger to {}",
        ):
            await connection.execute(sql.SQL(grant).format(role))


async def drop_table(connection: Connection) -> None:
    """Remove the ledger's table and schema. Absent is fine, and another's is left alone.

    Whatever somebody has put beside the table or upon it stays: raises `Refused` then.
    """
    if await _owner(connection) is not Owner.PLATFORM:
        return
    try:
        async with connection.transaction():
            await connection.execute(f"drop table if exists {SCHEMA}.ledger restrict")
            await connection.execute(f"drop schema {SCHEMA} restrict")
    except psycopg.errors.DependentObjectsStillExist as error:
        raise Refused(
            f"the ledger in schema {SCHEMA} stays, because other objects hang on it: "
            f"{error.diag.message_detail or error}",
            subject=f"schema {SCHEMA}",
            hint="drop those objects or move them to another schema",
        ) from error


async def _owner(connection: Connection) -> Owner:
    """Whose the schema is: only a superuser can have both owned and marked it."""
    cursor = await connection.execute(_WHOSE, [SCHEMA])
    row = await cursor.fetchone()
    if row is None:
        return Owner.NOBODY
    by_superuser, comment = row
    ours = by_superuser and (comment or "").startswith(_MARK)
    return Owner.PLATFORM if ours else Owner.ANOTHER


async def read_back(connection: Connection) -> tuple[Row, ...]:
    """Every row that is there."""
    async with connection.cursor() as cursor:
        await cursor.execute(_READ)
        return tuple(Row(*row) for row in await cursor.fetchall())
