"""Count the rows of every table of a server, with a hash that does not depend on their order.

A query over an application's table runs what the application has defined: casts that it made for
its row types, policies, and, while the query is being planned, functions in the expressions and
predicates of its indexes. Writing the query with care is therefore not enough, and neither is
`set role` in a superuser's session, which a function undoes by `reset role`. So the connection
itself is one of `READER`: it comes in by certificate as a role that reads everything, bypasses
policies, and has no other right. A function that gets to run has the reader's rights, in a
transaction that may not write.

The queries are written with care besides, so that an application's code does not even get that:
rows become text by their types' output functions, which only a superuser can define, instead of
by a cast, and every name is PostgreSQL's own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

import psycopg
from psycopg import sql

from holdfast.core.units import show_bytes
from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.doors import Connection
from holdfast.recovery.comparison import Count, Written

Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]
"""Opens a connection to a database of the server: a `READER`'s wherever tables are read."""

HASHED_UP_TO_BYTES = 256 * 2**20
"""Larger tables are counted but not hashed: a hash reads every value, TOAST included."""

_DATABASES = "select datname from pg_database where datallowconn and not datistemplate order by 1"
_TABLES = """
select n.nspname, c.relname, pg_table_size(c.oid), coalesce(pg_relation_filenode(c.oid), 0)::bigint,
       coalesce(s.n_tup_ins, 0), coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_del, 0)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_all_tables s on s.relid = c.oid
where c.relkind in ('r', 'm') and c.relpersistence = 'p'
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and (c.relkind = 'r' or c.relispopulated)
order by 1, 2
"""
_HASH = """
coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
    pg_catalog.textin(pg_catalog.record_out({row})), 0)), 0)::pg_catalog.text
"""
# A row's text depends on these; both sides have to speak alike.
_ALIKE = """
set DateStyle = 'ISO, YMD'; set IntervalStyle = 'postgres'; set TimeZone = 'UTC';
set extra_float_digits = 3; set bytea_output = 'hex'; set xmlbinary = 'base64';
set lc_monetary = 'C'; set lc_numeric = 'C'; set search_path = pg_catalog;
set row_security = off; set lock_timeout = '3s'
"""


@dataclass(frozen=True, slots=True)
class _Table:
    schema: str
    name: str
    size_bytes: int
    file: int
    written: Written

    def key(self, database: str) -> str:
        return f"{database}.{self.schema}.{self.name}"


async def count(
    reading: Connect, *, hashed_up_to_bytes: int = HASHED_UP_TO_BYTES
) -> dict[str, Count]:
    """Every permanent table and materialised view, by `database.schema.table`.

    All tables of one database are counted in one snapshot; their counters of writes are read
    before it, so that no write falls between the two.
    """
    found: dict[str, Count] = {}
    for database in await _databases(reading):
        async with reading(database) as connection:
            await connection.execute(_ALIKE)
            tables = await _tables(connection)
            await connection.execute("begin isolation level repeatable read read only")
            for table in tables:
                hashed = table.size_bytes <= hashed_up_to_bytes
                found[table.key(database)] = await _counted(connection, table, hashed=hashed)
            await connection.execute("commit")
    return found


async def writes(reading: Connect) -> dict[str, Count]:
    """The present file and counters of writes of every table, without counting any rows."""
    found: dict[str, Count] = {}
    for database in await _databases(reading):
        async with reading(database) as connection:
            await connection.execute("set search_path = pg_catalog")
            for table in await _tables(connection):
                found[table.key(database)] = Count(None, None, table.file, table.written)
    return found


async def _databases(reading: Connect) -> list[str]:
    async with reading(POSTGRES) as connection:
        return [row[0] for row in await (await connection.execute(_DATABASES)).fetchall()]


async def _tables(connection: Connection) -> list[_Table]:
    rows = await (await connection.execute(_TABLES)).fetchall()
    return [
        _Table(schema, name, size, file, Written(inserted, updated, deleted))
        for schema, name, size, file, inserted, updated, deleted in rows
    ]


async def _counted(connection: Connection, table: _Table, *, hashed: bool) -> Count:
    # The alias is one that no column has; a column of that name would be read in its place.
    row = sql.Identifier("holdfast whole row")
    query = sql.SQL("select pg_catalog.count(*), {hash} from only {table} as {row}").format(
        hash=sql.SQL(_HASH).format(row=row) if hashed else sql.SQL("null"),
        table=sql.Identifier(table.schema, table.name),
        row=row,
    )
    await connection.execute("savepoint one_table")
    try:
        counted = await (await connection.execute(query)).fetchone()
    except psycopg.OperationalError as error:
        if connection.broken:
            raise
        await connection.execute("rollback to savepoint one_table")
        return _uncounted(table, error)
    except psycopg.Error as error:
        await connection.execute("rollback to savepoint one_table")
        return _uncounted(table, error)
    assert counted is not None
    why_not = "" if hashed else f"{show_bytes(table.size_bytes)} are not hashed"
    return Count(counted[0], counted[1], table.file, table.written, why_not)


def _uncounted(table: _Table, error: psycopg.Error) -> Count:
    why = " ".join(str(error).split())[:200]
    return Count(None, None, table.file, table.written, why)
