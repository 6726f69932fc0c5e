"""Mask a copy in its stage, before anybody can connect to it.

No trigger and no foreign key fires meanwhile. Afterwards nothing of a masked table is left in its
files, its statistics or a materialised view.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

from psycopg import sql

from holdfast.core.change import Json
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql import stage as stages
from holdfast.engines.postgresql.catalog.doors import OWN_NAMES
from holdfast.engines.postgresql.catalog.names import Roles
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Connection, Doors
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.stage import Progress
from holdfast.recovery.masking import Chosen, Column, Masking, chosen, expression

_COLUMNS = """
select n.nspname, c.relname, a.attname, t.typname, not a.attnotnull,
       case when a.atttypmod > 4 and t.typname in ('varchar', 'bpchar') then a.atttypmod - 4 end,
       a.attgenerated <> '' or a.attidentity = 'a'
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type d on d.oid = a.atttypid
join pg_catalog.pg_type t on t.oid = case d.typtype when 'd' then d.typbasetype else d.oid end
where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'holdfast')
  and c.relpersistence <> 't'
order by 1, 2, a.attnum
"""
_DATABASES = """
select datname from pg_catalog.pg_database
where datallowconn and not datistemplate and datname <> 'postgres' order by 1
"""
_VIEWS = """
select n.nspname, c.relname from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated order by 1, 2
"""


async def mask(
    stage: Sandbox, cluster: Cluster, masking: Masking, doors: Doors, progress: Progress
) -> Json:
    """Follow the rules in every logical database. Done over, it masks what is masked once more.

    Raises `Invalid` when the rules do not fit the data. Gives what was done, without any value.
    """
    salt = secrets.token_hex(16)
    async with stages.server(stage, cluster, doors):
        async with boxes.connected(stage) as connection:
            names = [row[0] for row in await (await connection.execute(_DATABASES)).fetchall()]
        columns: list[Column] = []
        for name in names:
            columns += await _columns(stage, name)
        wanted = chosen(masking, columns)
        tables = [
            (key, list(group))
            for key, group in groupby(wanted, key=lambda each: each.column.path[:3])
        ]
        for done, ((database, schema, table), group) in enumerate(tables):
            progress(done, len(tables), f"tables masked, {schema}.{table} is next")
            await _table(stage, Roles(cluster.name), (database, schema, table), group, salt)
        emptied = [view for name in names for view in await _empty_views(stage, name, wanted)]
        for name in {each.column.database for each in wanted}:
            await _forget(stage, name)
    return {
        "columns": {str(each.column): _word(each) for each in wanted},
        "tables": len(tables),
        "emptied_views": emptied,
    }


def _word(each: Chosen) -> str:
    return f"fake:{each.rule.fake}" if each.rule.fake else each.rule.action


async def _columns(stage: Sandbox, database: str) -> list[Column]:
    async with boxes.connected(stage, database) as connection:
        await connection.execute(OWN_NAMES)
        rows = await (await connection.execute(_COLUMNS)).fetchall()
    return [Column(database, *row) for row in rows]


async def _table(
    stage: Sandbox, owner: Roles, path: tuple[str, str, str], group: Sequence[Chosen], salt: str
) -> None:
    database, *names = path
    table = sql.Identifier(*names)
    async with _as_owner(stage, owner, database) as connection:
        literal = sql.Literal(salt).as_string(connection)
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(
                sql.Identifier(each.column.name), _value(each, connection, literal)
            )
            for each in group
        )
        await connection.execute(sql.SQL("update {} set {}").format(table, assignments))
        # Old versions of rows and most common values would tell what was there.
        await connection.execute(sql.SQL("vacuum (full, analyze) {}").format(table))


def _value(each: Chosen, connection: Connection, salt: str) -> sql.SQL:
    # The identifier is quoted, the salt is a literal, and all else stands in the code.
    name = sql.Identifier(each.column.name).as_string(connection)
    return sql.SQL(expression(each, name, salt))


@asynccontextmanager
async def _as_owner(stage: Sandbox, owner: Roles, database: str) -> AsyncIterator[Connection]:
    """As the owner, whose checks and triggers run with no right but its own; foreign keys rest."""
    mode = sql.SQL("alter role {} in database {} {} session_replication_role {}")
    names = sql.Identifier(owner.migrator), sql.Identifier(database)
    async with boxes.connected(stage, database) as connection:
        await connection.execute(OWN_NAMES)
        await connection.execute(mode.format(*names, sql.SQL("set"), sql.SQL("= replica")))
    try:
        async with boxes.connected(
            stage, database, user=owner.migrator, statement_timeout_s=0
        ) as connection:
            await connection.execute("set search_path = pg_catalog")
            # Rows that a policy would hide are an error then, not passed over.
            await connection.execute("set row_security = off")
            yield connection
    finally:
        async with boxes.connected(stage, database) as connection:
            await connection.execute(OWN_NAMES)
            await connection.execute(mode.format(*names, sql.SQL("reset"), sql.SQL("")))


async def _forget(stage: Sandbox, database: str) -> None:
    """Leave nothing of what was there in old versions of statistics, old files or old WAL."""
    async with boxes.connected(stage, database, statement_timeout_s=0) as connection:
        await connection.execute(OWN_NAMES)
        for table in ("pg_statistic", "pg_statistic_ext_data"):
            await connection.execute(
                sql.SQL("vacuum (full) {}").format(sql.Identifier("pg_catalog", table))
            )
        for statement in ("checkpoint", "select pg_switch_wal()", "checkpoint"):
            await connection.execute(statement)


async def _empty_views(stage: Sandbox, database: str, wanted: Sequence[Chosen]) -> list[str]:
    if not any(each.column.database == database for each in wanted):
        return []
    async with boxes.connected(stage, database) as connection:
        await connection.execute(OWN_NAMES)
        rows = await (await connection.execute(_VIEWS)).fetchall()
        for schema, name in rows:
            await connection.execute(
                sql.SQL("refresh materialized view {} with no data").format(
                    sql.Identifier(schema, name)
                )
            )
    return [f"{database}.{schema}.{name}" for schema, name in rows]
