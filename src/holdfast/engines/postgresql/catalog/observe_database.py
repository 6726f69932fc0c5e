"""What one logical database holds of the things that are desired in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from holdfast.core.change import Json, Resource
from holdfast.engines.postgresql.catalog import queries
from holdfast.engines.postgresql.catalog.doors import Connection, rows
from holdfast.engines.postgresql.catalog.function import SIGNATURE, body_digest
from holdfast.engines.postgresql.catalog.observe_cluster import Wanted, grouped, seen

OBJECT_TYPES = {"r": "tables", "S": "sequences", "f": "functions", "n": "schemas"}
"""`pg_default_acl.defaclobjtype` in the words of `ALTER DEFAULT PRIVILEGES`."""


async def observe_database(connection: Connection, database: str, wanted: Wanted) -> list[Resource]:
    """The desired resources of this database that exist, as they are."""
    found = await _schemas(connection, database, wanted)
    found += await _function_grants(connection, database, wanted)
    found += await _extensions(connection, database, wanted)
    for each in wanted.of_kind("object-grants", database):
        found += [observed async for observed in _objects(connection, each)]
    for each in wanted.of_kind("default-privileges", database):
        found += [observed async for observed in _default_privileges(connection, each, wanted)]
    for each in wanted.of_kind("function", database):
        found += [observed async for observed in _function(connection, each)]
    return found


async def _schemas(connection: Connection, database: str, wanted: Wanted) -> list[Resource]:
    granted = [
        each for each in wanted.of_kind("grants", database) if each.attributes["object"] == "schema"
    ]
    owned = wanted.of_kind("schema", database)
    names = [each.attributes["name"] for each in (*owned, *granted)]
    owners = dict(await rows(connection, queries.SCHEMAS, schemas=names))
    grants: dict[str, list[tuple[str, str, bool]]] = {name: [] for name in owners}
    for name, *grant in await rows(
        connection, queries.SCHEMA_GRANTS, schemas=names, roles=wanted.roles
    ):
        grants[name].append((grant[0], grant[1], grant[2]))
    return [
        *(
            seen(each, owner=owners[each.attributes["name"]])
            for each in owned
            if each.attributes["name"] in owners
        ),
        *(
            seen(each, grants=grouped(grants[each.attributes["name"]]))
            for each in granted
            if each.attributes["name"] in grants
        ),
    ]


async def _function_grants(connection: Connection, database: str, wanted: Wanted) -> list[Resource]:
    resources = [
        each
        for each in wanted.of_kind("grants", database)
        if each.attributes["object"] == "functions"
    ]
    if not resources:
        return []
    found = await rows(connection, queries.FUNCTION_GRANTS, roles=wanted.roles)
    return [
        seen(each, grants=grouped((role, function, False) for role, function in found))
        for each in resources
    ]


async def _extensions(connection: Connection, database: str, wanted: Wanted) -> list[Resource]:
    resources = wanted.of_kind("extension", database)
    if not resources:
        return []
    known = {
        name: {"schema": schema, "version": version}
        for name, schema, version in await rows(connection, queries.EXTENSIONS)
    }
    found = []
    for each in resources:
        actual = known.get(each.attributes["name"])
        if actual is not None:
            # Only what the document pins is compared: the rest is PostgreSQL's choice.
            pinned = {key: value for key, value in actual.items() if key in each.attributes}
            found.append(seen(each, **pinned))
    return found


async def _objects(connection: Connection, resource: Resource) -> AsyncIterator[Resource]:
    wanted = resource.attributes
    if await rows(connection, queries.SCHEMAS, schemas=[wanted["schema"]]):
        missing = await rows(connection, queries.MISSING, **object_values(resource.attributes))
        excess = await rows(connection, queries.EXCESS, **object_values(resource.attributes))
        yield seen(
            resource,
            missing=_named(f"{right} on {name} for {role}" for _, name, role, right in missing),
            excess=_named(f"{right} on {name} for {role}" for name, role, right in excess),
        )


_NAMED = 10
"""So many objects are named; a whole schema may have lost its grants."""


def _named(rights: Iterable[str]) -> list[str]:
    found = sorted(rights)
    more = len(found) - _NAMED
    return [*found[:_NAMED], f"and {more} more"] if more > 0 else found


def object_values(attributes: Json) -> dict[str, Json]:
    """The values that the queries about an owner's objects ask for."""
    return {
        "schema": attributes["schema"],
        "owner": attributes["owner"],
        "writer": attributes["writer"],
        "reader": attributes["reader"],
        "readers": [attributes["reader"], *attributes["reading_logins"]],
    }


async def _default_privileges(
    connection: Connection, resource: Resource, wanted: Wanted
) -> AsyncIterator[Resource]:
    role = resource.attributes["role"]
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for code, schema, *grant in await rows(
        connection, queries.DEFAULT_PRIVILEGES, role=role, roles=wanted.roles
    ):
        kind = OBJECT_TYPES[code]
        key = f"{kind} in {schema}" if schema else kind
        found.setdefault(key, []).append((grant[0], grant[1], grant[2]))
    yield seen(resource, grants={key: grouped(found[key]) for key in sorted(found)})


async def _function(connection: Connection, resource: Resource) -> AsyncIterator[Resource]:
    for owner, definer, settings, result, body, execute in await rows(
        connection, queries.FUNCTION, signature=SIGNATURE
    ):
        yield seen(
            resource,
            owner=owner,
            security_definer=definer,
            settings=list(settings),
            result=result,
            body_sha256=body_digest(body),
            execute=list(execute),
        )
