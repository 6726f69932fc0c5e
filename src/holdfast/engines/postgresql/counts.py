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

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import psycopg
from psycopg import sql

from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.doors import Connection
from holdfast.recovery.comparison import Count, Written
from holdfast.recovery.sample import ranges

Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]
"""Opens a connection to a database of the server: a `READER`'s wherever tables are read."""

HASHED_UP_TO_BYTES = 256 * 2**20
"""Of larger tables, samples are hashed: a hash reads every value, TOAST included."""

_DATABASES = "select datname from pg_database where datallowconn and not datistemplate order by 1"
_TABLES = """
select n.nspname, c.relname, pg_table_size(c.oid), coalesce(pg_relation_filenode(c.oid), 0)::bigint,
       coalesce(s.n_tup_ins, 0), coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_del, 0),
       pg_relation_size(c.oid) / current_setting('block_size')::int
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
    pg_catalog.textin(pg_catalog.record_out({row})), 0)), 0)
"""
_IN_RANGE = " where {row}.ctid >= {low}::pg_catalog.tid and {row}.ctid < {high}::pg_catalog.tid"
_SNAPSHOT = "select pg_current_snapshot()::text"
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
    blocks: int

    def key(self, database: str) -> str:
        return f"{database}.{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Rules:
    """How tables are read: alike on both sides of a comparison.

    `seed` chooses which ranges of a large table are hashed. `blocks` are the pages that such
    tables had on the source, for a copy to sample alike; None on the source itself.
    """

    seed: str = ""
    hashed_up_to_bytes: int = HASHED_UP_TO_BYTES
    blocks: Mapping[str, int] | None = None


class Snapshot:
    """One database as it was at one moment, see `snapshot`; `text` is `xmin:xmax:xip,...`."""

    def __init__(
        self, connection: Connection, database: str, text: str, tables: Sequence[_Table]
    ) -> None:
        self._connection, self._tables = connection, tables
        self.database, self.text = database, text

    async def count(self, rules: Rules) -> dict[str, Count]:
        """Every permanent table and materialised view, by `database.schema.table`."""
        found: dict[str, Count] = {}
        for table in self._tables:
            key = table.key(self.database)
            if rules.blocks is None:
                sampled = table.blocks if table.size_bytes > rules.hashed_up_to_bytes else 0
            else:
                sampled = rules.blocks.get(key, 0)
            found[key] = await _counted(self._connection, table, key, sampled, rules.seed)
        return found


@asynccontextmanager
async def snapshot(reading: Connect, database: str) -> AsyncIterator[Snapshot]:
    """Hold a snapshot of a database.

    The counters of writes are read before it, so that no write falls between the two; which tables
    there are is read within it.
    """
    async with reading(database) as connection:
        await connection.execute(_ALIKE)
        before = {(each.schema, each.name): each.written for each in await _tables(connection)}
        await connection.execute("begin isolation level repeatable read read only")
        text = (await (await connection.execute(_SNAPSHOT)).fetchone() or ("",))[0]
        tables = [
            replace(each, written=before.get((each.schema, each.name), Written()))
            for each in await _tables(connection)
        ]
        yield Snapshot(connection, database, text, tables)
        await connection.execute("commit")


async def count(reading: Connect, rules: Rules | None = None) -> dict[str, Count]:
    """Every permanent table and materialised view of every database, one database at a time."""
    found: dict[str, Count] = {}
    for database in await databases(reading):
        async with snapshot(reading, database) as held:
            found |= await held.count(rules or Rules())
    return found


async def writes(reading: Connect) -> dict[str, Count]:
    """The present file and counters of writes of every table, without counting any rows."""
    found: dict[str, Count] = {}
    for database in await databases(reading):
        async with reading(database) as connection:
            await connection.execute("set search_path = pg_catalog")
            for table in await _tables(connection):
                found[table.key(database)] = Count(None, None, table.file, table.written)
    return found


async def databases(reading: Connect) -> list[str]:
    """The databases that may be connected to, templates left out."""
    async with reading(POSTGRES) as connection:
        return [row[0] for row in await (await connection.execute(_DATABASES)).fetchall()]


async def _tables(connection: Connection) -> list[_Table]:
    rows = await (await connection.execute(_TABLES)).fetchall()
    return [
        _Table(schema, name, size, file, Written(inserted, updated, deleted), blocks)
        for schema, name, size, file, inserted, updated, deleted, blocks in rows
    ]


async def _counted(
    connection: Connection, table: _Table, key: str, blocks: int, seed: str
) -> Count:
    """`blocks` 0 hashes the whole table, else ranges of that many pages."""
    # The alias is one that no column has; a column of that name would be read in its place.
    row = sql.Identifier("holdfast whole row")
    source = sql.SQL(" from only {table} as {row}").format(
        table=sql.Identifier(table.schema, table.name), row=row
    )
    hashed = sql.SQL("select pg_catalog.count(*), " + _HASH).format(row=row) + source
    queries = [hashed]
    if blocks:
        queries = [sql.SQL("select pg_catalog.count(*), 0") + source]
        for low, high in ranges(seed, key, blocks):
            within = sql.SQL(_IN_RANGE).format(
                row=row, low=sql.Literal(f"({low},0)"), high=sql.Literal(f"({high},0)")
            )
            queries.append(hashed + within)
    await connection.execute("savepoint one_table")
    try:
        parts = [await (await connection.execute(query)).fetchone() for query in queries]
    except psycopg.Error as error:
        if connection.broken:
            raise
        await connection.execute("rollback to savepoint one_table")
        return _uncounted(table, error)
    sums = [part for part in parts if part is not None]
    total = str(sum(each[1] for each in sums))
    return Count(sums[0][0], total, table.file, table.written, "", blocks)


def _uncounted(table: _Table, error: psycopg.Error) -> Count:
    why = " ".join(str(error).split())[:200]
    return Count(None, None, table.file, table.written, why)
