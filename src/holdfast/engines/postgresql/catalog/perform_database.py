"""Changes to databases, schemas, extensions and the pooler's function."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from holdfast.core.change import Change, Json
from holdfast.core.errors import Refused
from holdfast.engines.postgresql.catalog import queries
from holdfast.engines.postgresql.catalog.doors import Connection, rows
from holdfast.engines.postgresql.catalog.function import DEFINITION, SIGNATURE
from holdfast.engines.postgresql.catalog.perform_roles import parameter_name


async def settle_database(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Create the database where it is absent, then give it the wanted owner and attributes."""
    name = sql.Identifier(wanted["name"])
    known = {row[0]: row for row in await rows(connection, queries.DATABASES)}
    if wanted["name"] not in known:
        # template0 alone is free of whatever somebody put into template1.
        await connection.execute(
            sql.SQL("create database {} owner {} encoding {} template template0").format(
                name, sql.Identifier(wanted["owner"]), sql.Literal(wanted["encoding"])
            )
        )
    elif known[wanted["name"]][2] != wanted["encoding"]:
        raise Refused(
            f"database {wanted['name']} has the encoding {known[wanted['name']][2]}, "
            f"not {wanted['encoding']}: PostgreSQL fixes it at creation",
            subject=f"database {wanted['name']}",
            hint="dump the database and load it into a new one",
        )
    await connection.execute(
        sql.SQL("alter database {} owner to {}").format(name, sql.Identifier(wanted["owner"]))
    )
    await connection.execute(
        sql.SQL(
            "alter database {} with allow_connections {} connection limit {} is_template {}"
        ).format(
            name,
            sql.Literal(wanted["allow_connections"]),
            sql.Literal(wanted["connection_limit"]),
            sql.Literal(wanted["is_template"]),
        )
    )
    for parameter in set((change.before or wanted)["settings"]) - set(wanted["settings"]):
        await connection.execute(
            sql.SQL("alter database {} reset {}").format(name, parameter_name(parameter))
        )


async def settle_schema(connection: Connection, change: Change, wanted: Mapping[str, Json]) -> None:
    """Create the schema where it is absent, and give it to its owner."""
    name, owner = sql.Identifier(wanted["name"]), sql.Identifier(wanted["owner"])
    async with connection.transaction():
        await connection.execute(sql.SQL("create schema if not exists {}").format(name))
        await connection.execute(sql.SQL("alter schema {} owner to {}").format(name, owner))


async def create_extension(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Create the extension where it is absent; move or update it where the document pins it."""
    name = sql.Identifier(wanted["name"])
    schema, version = wanted.get("schema"), wanted.get("version")
    options: sql.Composable = sql.SQL("")
    if schema is not None:
        options += sql.SQL(" schema {}").format(sql.Identifier(schema))
    if version is not None:
        options += sql.SQL(" version {}").format(sql.Literal(version))
    async with connection.transaction():
        known = {row[0]: row for row in await rows(connection, queries.EXTENSIONS)}
        if wanted["name"] not in known:
            # Where nothing pins the schema, the first of the search path is taken.
            await connection.execute("set local search_path = public")
            await connection.execute(
                sql.SQL("create extension if not exists {}").format(name) + options
            )
            return
        _, actual_schema, actual_version = known[wanted["name"]]
        if version not in (None, actual_version):
            await connection.execute(
                sql.SQL("alter extension {} update to {}").format(name, sql.Literal(version))
            )
        if schema not in (None, actual_schema):
            await connection.execute(
                sql.SQL("alter extension {} set schema {}").format(name, sql.Identifier(schema))
            )


async def create_function(
    connection: Connection, change: Change, wanted: Mapping[str, Json]
) -> None:
    """Make the pooler's function anew: whatever stood in its place is gone in the same moment."""
    function = sql.SQL(SIGNATURE)
    async with connection.transaction():
        await connection.execute(sql.SQL("drop function if exists {}").format(function))
        await connection.execute(sql.SQL(DEFINITION))
        await connection.execute(
            sql.SQL("alter function {} owner to {}").format(
                function, sql.Identifier(wanted["owner"])
            )
        )
        await connection.execute(sql.SQL("revoke all on function {} from public").format(function))
        for role in wanted["execute"]:
            await connection.execute(
                sql.SQL("grant execute on function {} to {}").format(function, sql.Identifier(role))
            )
