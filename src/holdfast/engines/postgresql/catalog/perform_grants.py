"""Changes to grants: on databases, schemas and functions, by default, and on existing objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from psycopg import sql

from holdfast.core.change import Change, Json
from holdfast.engines.postgresql.catalog import queries
from holdfast.engines.postgresql.catalog.doors import Connection, rows
from holdfast.engines.postgresql.catalog.names import PUBLIC
from holdfast.engines.postgresql.catalog.observe_database import OBJECT_TYPES, object_values

Grants = Mapping[str, Iterable[str]]
_BATCH = 200
"""Objects in one statement: few enough for a short lock, many enough for few round trips."""


def grantee(role: str) -> sql.Composable:
    """A role's name, or PUBLIC, which is none."""
    return sql.SQL("PUBLIC") if role == PUBLIC else sql.Identifier(role)


async def settle_grants(connection: Connection, change: Change, wanted: Mapping[str, Json]) -> None:
    """Give the platform's roles and PUBLIC exactly the wanted privileges on one object."""
    before: Grants = (change.before or {}).get("grants", {})
    if wanted["object"] == "functions":
        await _settle_functions(connection, before, wanted["grants"])
        return
    target = sql.SQL("database {}" if wanted["object"] == "database" else "schema {}").format(
        sql.Identifier(wanted["name"])
    )
    async with connection.transaction():
        for role in await _present(connection, {*before, *wanted["grants"], PUBLIC}):
            await connection.execute(
                sql.SQL("revoke all on {} from {} cascade").format(target, grantee(role))
            )
        for role, privileges in wanted["grants"].items():
            await connection.execute(
                sql.SQL("grant {} on {} to {}").format(
                    _privileges(privileges), target, grantee(role)
                )
            )


async def _settle_functions(connection: Connection, before: Grants, wanted: Grants) -> None:
    async with connection.transaction():
        for role in await _present(connection, before):
            for function in set(before[role]) - set(wanted.get(role, ())):
                await connection.execute(
                    sql.SQL("revoke execute on function pg_catalog.{} from {}").format(
                        _signature(function), grantee(role)
                    )
                )
        for role, functions in wanted.items():
            for function in functions:
                await connection.execute(
                    sql.SQL("grant execute on function pg_catalog.{} to {}").format(
                        _signature(function), grantee(role)
                    )
                )


def _signature(function: str) -> sql.Composable:
    # A signature is ours, or PostgreSQL's own spelling of one of its functions.
    return sql.SQL(function)


def _privileges(names: Iterable[str]) -> sql.Composable:
    # A word of the grant syntax is no identifier; `*` marks an observed grant option.
    return sql.SQL(", ").join(sql.SQL(name.removesuffix("*")) for name in names)


async def _present(connection: Connection, roles: Iterable[str]) -> list[str]:
    """Those of the roles that exist, PUBLIC included: one may have been dropped since."""
    names = sorted(roles)
    found = await rows(
        connection, "select rolname from pg_catalog.pg_roles where rolname = any(%(n)s)", n=names
    )
    known = {name for (name,) in found} | {PUBLIC}
    return [name for name in names if name in known]


async def settle_default_privileges(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Give the owner's future objects exactly the wanted privileges."""
    before = (change.before or {}).get("grants", {})
    async with connection.transaction():
        for key in [*OBJECT_TYPES.values(), *(key for key in before if " in " in key)]:
            kind, _, schema = key.partition(" in ")
            scope = sql.SQL("alter default privileges for role {}").format(
                sql.Identifier(wanted["role"])
            )
            if schema:
                scope += sql.SQL(" in schema {}").format(sql.Identifier(schema))
            grants: Grants = wanted["grants"].get(key, {})
            for role in await _present(connection, {*before.get(key, {}), *grants, PUBLIC}):
                await connection.execute(
                    scope
                    + sql.SQL(" revoke all on {} from {} cascade").format(
                        sql.SQL(kind),
                        grantee(role),
                    )
                )
            for role, privileges in grants.items():
                await connection.execute(
                    scope
                    + sql.SQL(" grant {} on {} to {}").format(
                        _privileges(privileges),
                        sql.SQL(kind),
                        grantee(role),
                    )
                )


async def settle_objects(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Grant what is missing on existing objects of the owner, and take from readers the rest."""
    values = object_values(wanted)
    async with connection.transaction():
        missing: dict[tuple[str, str, str], list[str]] = {}
        for kind, name, role, privilege in await rows(connection, queries.MISSING, **values):
            missing.setdefault((kind, role, privilege), []).append(name)
        for (kind, role, privilege), names in missing.items():
            await _each_batch(connection, "grant {} on {} {} to {}", kind, privilege, names, role)
        excess: dict[tuple[str, str], list[str]] = {}
        for name, role, privilege in await rows(connection, queries.EXCESS, **values):
            excess.setdefault((role, privilege), []).append(name)
        for (role, privilege), names in excess.items():
            await _each_batch(
                connection, "revoke {} on {} {} from {} cascade", "r", privilege, names, role
            )


_KEYWORDS = {"r": "table", "S": "sequence", "f": "routine"}


async def _each_batch(
    connection: Connection, template: str, kind: str, privilege: str, names: list[str], role: str
) -> None:
    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        # The names are `regclass` and `regprocedure` texts: PostgreSQL has quoted them already.
        await connection.execute(
            sql.SQL(template).format(
                sql.SQL(privilege),
                sql.SQL(_KEYWORDS[kind]),
                sql.SQL(", ".join(batch)),
                grantee(role),
            )
        )
