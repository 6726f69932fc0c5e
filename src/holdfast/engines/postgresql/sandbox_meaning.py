"""Ask a restored copy what its owner wants to hear, and look for rows that a foreign key forbids.

Everything runs as the role that can only read, in a read-only transaction, each query with a time
limit of its own: what an owner wrote gets no right in the sandbox that it would not have
elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import psycopg
from psycopg import sql

from holdfast.core.change import Json
from holdfast.engines.postgresql.counts import Connect, databases
from holdfast.engines.postgresql.doors import Connection
from holdfast.recovery.checks.meaning import holds
from holdfast.spec.model import Canary

CANARY_TIMEOUT_S = 60
KEY_TIMEOUT_S = 1800
_LIMITS = "set local statement_timeout = '{}s'; set local lock_timeout = '3s'"
_KEYS = """
select c.conname, n.nspname, t.relname, t.relkind, fn.nspname, ft.relname, ft.relkind,
       c.confmatchtype, c.convalidated, {enforced}, {temporal},
       array(select a.attname from unnest(c.conkey) with ordinality k(num, place)
             join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num order by k.place),
       array(select a.attname from unnest(c.confkey) with ordinality k(num, place)
             join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num order by k.place),
       array(select opn.nspname || ' ' || o.oprname
             from unnest(c.conpfeqop) with ordinality k(oid, place)
             join pg_operator o on o.oid = k.oid
             join pg_namespace opn on opn.oid = o.oprnamespace order by k.place)
from pg_constraint c
join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
join pg_class ft on ft.oid = c.confrelid join pg_namespace fn on fn.oid = ft.relnamespace
where c.contype = 'f' and c.conparentid = 0 and t.relpersistence = 'p'
order by 2, 3, 1
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query gave: `value` is the first column of the first row as text."""

    name: str
    expect: str
    value: str | None = None
    holds: bool = False
    problem: str = ""


async def canaries(reading: Connect, asked: Sequence[Canary], default: str) -> dict[str, Json]:
    """Each query in its database, `default` without one: `asked`, a list of answers."""
    answers = []
    for number, canary in enumerate(asked, start=1):
        name = canary.name or f"query {number}"
        try:
            async with reading(canary.database or default) as connection:
                value = await _first_value(connection, canary.sql)
        except psycopg.Error as error:
            problem = " ".join(str(error).split())[:200]
            answers.append(Answer(name, canary.expect, problem=problem))
            continue
        found = holds(value, canary.expect)
        answers.append(Answer(name, canary.expect, value, found))
    return {"asked": [asdict(each) for each in answers]}


async def _first_value(connection: Connection, query: str) -> str | None:
    await connection.execute("begin read only")
    await connection.execute(_LIMITS.format(CANARY_TIMEOUT_S))
    # Prepared: the server then takes one statement only, which cannot end the transaction.
    cursor = await connection.execute(query.encode(), prepare=True)
    row = await cursor.fetchone()
    value = None
    if row is not None and row[0] is not None and cursor.pgresult is not None:
        raw = cursor.pgresult.get_value(0, 0)
        value = None if raw is None else raw.decode(errors="replace")
    await connection.execute("rollback")
    return value


async def foreign_keys(reading: Connect) -> dict[str, Json]:
    """Every foreign key of every database: `count`, `violated`, `open`, `not_looked_at`."""
    found: dict[str, list[str]] = {"violated": [], "open": [], "not_looked_at": []}
    count = 0
    for database in await databases(reading):
        async with reading(database) as connection:
            await connection.execute("set search_path = pg_catalog")
            for key in await _keys(connection):
                name = f"{database}.{key.schema}.{key.table}.{key.name}"
                if key.why_not:
                    found["not_looked_at"].append(f"{name}: {key.why_not}")
                    continue
                count += 1
                try:
                    orphans = await _orphans(connection, key)
                except psycopg.Error as error:
                    await connection.rollback()
                    found["open"].append(f"{name}: {' '.join(str(error).split())[:200]}")
                    continue
                if orphans:
                    found["violated"].append(f"{name} is violated by {orphans} rows")
    return {"count": count, **found}


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    schema: str
    table: str
    source: sql.Composable
    target: sql.Composable
    is_full: bool
    columns: tuple[str, ...]
    referenced: tuple[str, ...]
    operators: tuple[str, ...]
    why_not: str


async def _keys(connection: Connection) -> list[_Key]:
    version = connection.info.server_version // 10000
    query = _KEYS.format(
        enforced="c.conenforced" if version >= 18 else "true",
        temporal="c.conperiod" if version >= 18 else "false",
    )
    rows = await (await connection.execute(query)).fetchall()
    return [_key(*row) for row in rows]


def _key(  # noqa: PLR0913, PLR0917 - a row of the catalogue
    name: str, schema: str, table: str, kind: str, other_schema: str, other: str, other_kind: str,
    match: str, validated: bool, enforced: bool, temporal: bool, columns: list[str],
    referenced: list[str], operators: list[str],
) -> _Key:  # fmt: skip
    why_not = ""
    if not enforced:
        why_not = "it is not enforced"
    elif not validated:
        why_not = "it is not validated"
    elif temporal:
        why_not = "it is over periods of time"
    return _Key(
        name, schema, table,
        _rows(schema, table, kind), _rows(other_schema, other, other_kind),
        match == "f", tuple(columns), tuple(referenced), tuple(operators), why_not,
    )  # fmt: skip


def _rows(schema: str, table: str, kind: str) -> sql.Composable:
    """A partitioned table has its rows in its partitions; of another one, children are not it."""
    only = sql.SQL("") if kind == "p" else sql.SQL("only ")
    return only + sql.Identifier(schema, table)


async def _orphans(connection: Connection, key: _Key) -> int:
    """How many rows have no counterpart. `match full` allows no row that is null in part."""
    pairs = [
        sql.SQL("p.{} OPERATOR({}.{}) f.{}").format(
            sql.Identifier(there), sql.Identifier(operator.split(" ")[0]),
            sql.SQL(operator.split(" ")[1]), sql.Identifier(here),
        )
        for here, there, operator in zip(key.columns, key.referenced, key.operators, strict=True)
    ]  # fmt: skip
    here = [sql.SQL("f.{}").format(sql.Identifier(each)) for each in key.columns]
    nulls = sql.SQL(", ").join(here)
    whole = sql.SQL("pg_catalog.num_nulls({}) {}").format(
        nulls, sql.SQL(f"< {len(here)}" if key.is_full else "= 0")
    )
    query = sql.SQL(
        "select pg_catalog.count(*) from {} f where {} and not exists (select from {} p where {})"
    ).format(key.source, whole, key.target, sql.SQL(" and ").join(pairs))
    await connection.execute("begin read only")
    await connection.execute(_LIMITS.format(KEY_TIMEOUT_S))
    row = await (await connection.execute(query)).fetchone()
    await connection.execute("rollback")
    return int((row or (0,))[0])
