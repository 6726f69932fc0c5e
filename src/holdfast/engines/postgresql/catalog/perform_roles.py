"""Changes to roles, their memberships and their settings."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from holdfast.core.change import Change, Json
from holdfast.engines.postgresql.catalog import queries
from holdfast.engines.postgresql.catalog.doors import Connection, Secrets, rows

# Not even a verifier belongs into a log or a statistics view: it is worth a dictionary attack.
_QUIETLY = (
    "set local log_statement = 'none'",
    "set local log_min_duration_statement = -1",
    "set local log_min_error_statement = 'panic'",
    "set local pg_stat_statements.track_utility = off",
    "set local pgaudit.log = 'none'",
)

_FLAGS = (
    ("login", "LOGIN"),
    ("superuser", "SUPERUSER"),
    ("createdb", "CREATEDB"),
    ("createrole", "CREATEROLE"),
    ("replication", "REPLICATION"),
    ("bypassrls", "BYPASSRLS"),
    ("inherit", "INHERIT"),
)


async def settle_role(connection: Connection, wanted: Mapping[str, Json], secret: Secrets) -> None:
    """Create the role where it is absent, then give it exactly the wanted attributes."""
    verifier = None
    if wanted["password"] is not None:
        verifier = (await secret(wanted["password"].removeprefix("secret:"))).verifier
    name = sql.Identifier(wanted["name"])
    async with connection.transaction():
        for statement in _QUIETLY:
            await connection.execute(statement)
        if not await rows(connection, queries.ROLES, roles=[wanted["name"]]):
            await connection.execute(sql.SQL("create role {}").format(name))
        await connection.execute(
            sql.SQL("alter role {} with {} connection limit {} valid until {} password {}").format(
                name,
                sql.SQL(" ").join(_flags(wanted)),
                sql.Literal(wanted["connection_limit"]),
                sql.Literal(wanted["valid_until"] or "infinity"),
                sql.Literal(verifier),
            )
        )
        await _settle_settings(connection, wanted)


def _flags(wanted: Mapping[str, Json]) -> list[sql.SQL]:
    return [sql.SQL(word if wanted[key] else f"NO{word}") for key, word in _FLAGS]


async def _settle_settings(connection: Connection, wanted: Mapping[str, Json]) -> None:
    role, settings = sql.Identifier(wanted["name"]), wanted["settings"]
    for _, database, setting in await rows(
        connection, queries.ROLE_SETTINGS, roles=[wanted["name"]]
    ):
        name = setting.partition("=")[0]
        if database is None and name in settings:
            continue
        where = (
            sql.SQL("in database {}").format(sql.Identifier(database)) if database else sql.SQL("")
        )
        await connection.execute(
            sql.SQL("alter role {} {} reset {}").format(role, where, parameter_name(name))
        )
    for name, value in settings.items():
        await connection.execute(
            sql.SQL("alter role {} set {} to {}").format(
                role, parameter_name(name), sql.Literal(value)
            )
        )


def parameter_name(name: str) -> sql.Identifier:
    """A parameter's name; one of an extension has two parts."""
    return sql.Identifier(*name.split("."))


async def settle_shared_settings(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Take back what was set for every role and belongs to the platform."""
    for name in set((change.before or wanted)["settings"]) - set(wanted["settings"]):
        await connection.execute(sql.SQL("alter role all reset {}").format(parameter_name(name)))


async def settle_membership(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Replace the membership, whatever it was, by the wanted one; nobody sees it absent."""
    role, member = wanted["role"], wanted["member"]
    newer = connection.info.server_version >= 160000
    options: sql.Composable = sql.SQL("")
    if newer:
        options = sql.SQL("with admin {}, inherit {}, set {}").format(
            *(sql.SQL(str(bool(wanted[key])).upper()) for key in ("admin", "inherit", "set"))
        )
    async with connection.transaction():
        await _revoke(connection, role, member)
        await connection.execute(
            sql.SQL("grant {} to {} {}").format(
                sql.Identifier(role), sql.Identifier(member), options
            )
        )


async def end_membership(connection: Connection, role: str, member: str) -> None:
    """Take the membership away, whoever granted it."""
    async with connection.transaction():
        await _revoke(connection, role, member)


async def _revoke(connection: Connection, role: str, member: str) -> None:
    names = sql.Identifier(role), sql.Identifier(member)
    if (
        len(
            await rows(
                connection, "select from pg_roles where rolname = any(%(n)s)", n=[role, member]
            )
        )
        < 2
    ):
        return
    if connection.info.server_version < 160000:
        await connection.execute(sql.SQL("revoke {} from {} cascade").format(*names))
        return
    for (grantor,) in await rows(connection, queries.GRANTORS_16, role=role, member=member):
        await connection.execute(
            sql.SQL("revoke {} from {} granted by {} cascade").format(
                *names, sql.Identifier(grantor)
            )
        )
