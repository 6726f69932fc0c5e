"""Make the access to a recovered copy what the document says, before anybody can reach it.

A backup brings roles and passwords of its own time along. The platform's roles get the names and
the passwords of the cluster that takes the copy over. Any other login keeps what it owns; it opens
only where it opens the present database, too, and with the present password.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from holdfast.core.change import Json, state
from holdfast.core.errors import Error
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.catalog import perform as catalog
from holdfast.engines.postgresql.catalog.doors import Connect, session
from holdfast.engines.postgresql.catalog.observe import observe
from holdfast.engines.postgresql.catalog.perform_roles import _QUIETLY
from holdfast.engines.postgresql.cluster import POSTGRES, Cluster
from holdfast.engines.postgresql.doors import Connection, Doors
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.plan import plan
from holdfast.engines.postgresql.render import wanted_catalog
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.render_stage import role_names

_ACCESS = frozenset({"role", "membership", "catalog-settings"})
_LOGINS = """
select rolname, rolpassword from pg_catalog.pg_authid
where rolcanlogin and rolname !~ '^pg_' and rolname <> all(%(known)s) order by rolname
"""
_SUBSCRIPTIONS = """
select s.subname, s.subslotname is not null from pg_catalog.pg_subscription s
join pg_catalog.pg_database d on d.oid = s.subdbid where d.datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What had to be changed that an owner may care for: closed logins, ended subscriptions."""

    closed: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    prepared: int = 0

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {
            "closed_logins": list(self.closed),
            "disabled_subscriptions": list(self.subscriptions),
            "prepared_transactions": self.prepared,
        }


async def settle(
    stage: Sandbox, cluster: Cluster, source: str, doors: Doors, *, present: bool
) -> Settled:
    """Put roles and passwords right; `present` logins of a living cluster stay open."""

    @asynccontextmanager
    async def connect(database: str) -> AsyncIterator[Connection]:
        async with boxes.connected(stage, database) as connection:
            yield connection

    async with session(connect, POSTGRES) as connection:
        await _rename(connection, source, cluster.name)
        wanted = [each for each in wanted_catalog(cluster) if each.kind in _ACCESS]
        known = [each.attributes["name"] for each in wanted if each.kind == "role"]
        now = await _present_logins(cluster, known, doors) if present else {}
        closed = await _close_logins(connection, [*known, POSTGRES], now)
        prepared = await _count(connection, "select count(*) from pg_catalog.pg_prepared_xacts")
    found = await observe(connect, wanted, {})
    ids = {each.id for each in wanted}
    desired = state(
        type(each)(each.id, each.kind, each.attributes,
                   tuple(name for name in each.after if name in ids), each.reason)
        for each in wanted
    )  # fmt: skip
    for change in plan(cluster.name, desired, state(found)).changes:
        await catalog.perform(change, connect, doors.login)
    subscriptions = await _end_subscriptions(connect, stage)
    return Settled(tuple(closed), tuple(subscriptions), prepared)


async def _rename(connection: Connection, old: str, new: str) -> None:
    """The platform's roles carry the database's name; what they own goes with them."""
    if old == new:
        return
    for before, after in role_names(old, new).items():
        found = await _names(connection, [before, after])
        if after in found or before not in found:
            continue
        await connection.execute(
            sql.SQL("alter role {} rename to {}").format(
                sql.Identifier(before), sql.Identifier(after)
            )
        )


async def _names(connection: Connection, names: list[str]) -> set[str]:
    found = await connection.execute(
        "select rolname from pg_catalog.pg_roles where rolname = any(%s)", [names]
    )
    return {row[0] for row in await found.fetchall()}


async def _present_logins(
    cluster: Cluster, known: list[str], doors: Doors
) -> Mapping[str, str | None]:
    """Verifiers of logins that are not the platform's, as the living cluster has them."""
    try:
        node = await leader_node(cluster, doors)
        if node is None:
            return {}
        async with doors.connect(node) as connection:
            found = await connection.execute(_LOGINS, {"known": [*known, POSTGRES]})
            return {row[0]: row[1] for row in await found.fetchall()}
    except (Error, psycopg.Error) as error:
        doors.note(f"the present logins could not be asked for: {' '.join(str(error).split())}")
        return {}


async def _close_logins(
    connection: Connection, known: list[str], now: Mapping[str, str | None]
) -> list[str]:
    found = await connection.execute(_LOGINS, {"known": known})
    closed = []
    for name, _ in await found.fetchall():
        open_ = name in now
        closed += [] if open_ else [name]
        async with connection.transaction():
            for statement in _QUIETLY:
                await connection.execute(statement)
            await connection.execute(
                sql.SQL("alter role {} {} password {}").format(
                    sql.Identifier(name),
                    sql.SQL("login" if open_ else "nologin"),
                    sql.Literal(now.get(name)),
                )
            )
    return closed


async def _end_subscriptions(connect: Connect, stage: Sandbox) -> list[str]:
    """Two databases with one subscription would each take what the other one waits for."""
    ended: list[str] = []
    async with session(connect, POSTGRES) as connection:
        found = await connection.execute(
            "select datname from pg_catalog.pg_database where datallowconn and not datistemplate"
        )
        databases = [row[0] for row in await found.fetchall()]
    for database in databases:
        async with session(connect, database) as connection:
            rows = await (await connection.execute(_SUBSCRIPTIONS)).fetchall()
            for name, has_slot in rows:
                subject = sql.Identifier(name)
                await connection.execute(sql.SQL("alter subscription {} disable").format(subject))
                if has_slot:
                    await connection.execute(
                        sql.SQL("alter subscription {} set (slot_name = none)").format(subject)
                    )
                ended.append(f"{database}.{name}")
    return ended


async def _count(connection: Connection, query: str) -> int:
    found = await connection.execute(query)
    row = await found.fetchone()
    return int(row[0]) if row else 0
