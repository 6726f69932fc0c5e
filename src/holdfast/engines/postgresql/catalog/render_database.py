"""What stands in one logical database: schemas, grants, default privileges, extensions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from holdfast.core.change import Json, Resource
from holdfast.engines.postgresql.catalog.function import BODY, RESULT, body_digest
from holdfast.engines.postgresql.catalog.names import (
    BACKUP,
    MAINTENANCE_DATABASE,
    POOL_LOGIN,
    PUBLIC,
    SCHEMA,
    Roles,
)
from holdfast.engines.postgresql.catalog.render_roles import role_id
from holdfast.engines.postgresql.cluster import MONITOR, POOLER, POSTGRES, READER, REWIND
from holdfast.spec.model import ExtensionSpec, LogicalDatabase

_DML = ["DELETE", "INSERT", "SELECT", "UPDATE"]
_REWIND_FUNCTIONS = [
    "pg_ls_dir(text,boolean,boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text,bigint,bigint,boolean)",
    "pg_stat_file(text,boolean)",
]
"""What pg_rewind calls on its source; PostgreSQL documentation, pg_rewind, Notes."""


def database_id(name: str) -> str:
    """Resource id of a logical database."""
    return f"database/{name}"


def schema_id(database: str, schema: str) -> str:
    """Resource id of a schema."""
    return f"{database_id(database)}/schema/{schema}"


def database(
    logical: LogicalDatabase, names: Roles, preload: Collection[str]
) -> Iterator[Resource]:
    """One logical database and everything of the platform's in it."""
    yield Resource(
        database_id(logical.name),
        "database",
        {
            "name": logical.name,
            "owner": names.owner,
            "encoding": "UTF8",
            "allow_connections": True,
            "connection_limit": -1,
            "is_template": False,
            "settings": {},
        },
        (role_id(names.owner),),
        "the document declares it",
    )
    yield _database_grants(logical.name, names)
    for schema in _schemas(logical):
        yield from _schema(logical.name, schema, names)
    yield _default_privileges(logical.name, names)
    yield from _pool_login(logical.name)
    for extension in _extensions(logical, preload):
        yield _extension(logical.name, extension)


def maintenance(version: int, preload: Collection[str]) -> Iterator[Resource]:
    """What the platform needs in the cluster's own databases, and what nobody else gets there."""
    for template in ("template0", "template1"):
        yield _grants(
            f"{database_id(template)}/grants/database",
            {"database": template, "object": "database", "name": template},
            {},
            "nobody works in a template",
        )
    own = MAINTENANCE_DATABASE
    yield _grants(
        f"{database_id(own)}/grants/database",
        {"database": own, "object": "database", "name": own},
        {role: ["CONNECT"] for role in (BACKUP, MONITOR, POOLER, READER, REWIND)},
        "only the platform works here",
    )
    yield _grants(
        f"{schema_id(own, 'public')}/grants",
        {"database": own, "object": "schema", "name": "public"},
        {PUBLIC: ["USAGE"]},
        "nobody creates objects here",
    )
    start = (
        ["pg_backup_start(text,boolean)", "pg_backup_stop(boolean)"]
        if version >= 15
        else ["pg_start_backup(text,boolean,boolean)", "pg_stop_backup(boolean,boolean)"]
    )
    backup = [*start, "pg_create_restore_point(text)", "pg_switch_wal()"]
    yield _grants(
        f"{database_id(own)}/grants/functions",
        {"database": own, "object": "functions", "name": "pg_catalog"},
        {BACKUP: sorted(backup), REWIND: _REWIND_FUNCTIONS},
        "backup and rewind without a superuser",
    )
    if "pg_stat_statements" in preload:
        yield _extension(own, ExtensionSpec("pg_stat_statements"), placed=False)


def _database_grants(name: str, names: Roles) -> Resource:
    connecting = (names.migrator, names.ro, MONITOR, POOLER, READER)
    return _grants(
        f"{database_id(name)}/grants/database",
        {"database": name, "object": "database", "name": name},
        {
            names.owner: ["CONNECT", "CREATE", "TEMPORARY"],
            names.rw: ["CONNECT", "TEMPORARY"],
            **{role: ["CONNECT"] for role in connecting},
        },
        "PUBLIC may not connect; a role's own grant is void while it may",
        database_id(name),
    )


def _schemas(logical: LogicalDatabase) -> tuple[str, ...]:
    """Every schema that the platform answers for, those that only an extension names included."""
    placed = (e.schema for e in logical.extensions if e.schema not in (None, "pg_catalog"))
    return tuple(dict.fromkeys(["public", *logical.schemas, *(s for s in placed if s)]))


def _schema(database: str, schema: str, names: Roles) -> Iterator[Resource]:
    identity = schema_id(database, schema)
    yield Resource(
        identity,
        "schema",
        {"database": database, "name": schema, "owner": names.owner},
        (database_id(database), role_id(names.owner)),
        "the owner role owns what the migrator makes",
    )
    anybody = {PUBLIC: ["USAGE"]} if schema == "public" else {}
    yield _grants(
        f"{identity}/grants",
        {"database": database, "object": "schema", "name": schema},
        {
            names.owner: ["CREATE", "USAGE"],
            names.rw: ["USAGE"],
            names.ro: ["USAGE"],
            **anybody,
        },
        "only the owner creates objects",
        identity,
    )
    yield Resource(
        f"{identity}/objects",
        "object-grants",
        {
            "database": database,
            "schema": schema,
            "owner": names.owner,
            "writer": names.rw,
            "reader": names.ro,
            "reading_logins": list(names.readers),
            "missing": [],
            "excess": [],
        },
        (identity, role_id(names.rw), role_id(names.ro)),
        "the application reaches every table and sequence of the owner; readers only read",
    )


def _default_privileges(database: str, names: Roles) -> Resource:
    return Resource(
        f"{database_id(database)}/default-privileges/{names.owner}",
        "default-privileges",
        {
            "database": database,
            "role": names.owner,
            "grants": {
                "tables": {names.rw: _DML, names.ro: ["SELECT"]},
                "sequences": {names.rw: ["SELECT", "USAGE"], names.ro: ["SELECT"]},
                "functions": {names.rw: ["EXECUTE"], names.ro: ["EXECUTE"]},
                "schemas": {names.rw: ["USAGE"], names.ro: ["USAGE"]},
            },
        },
        (database_id(database), *map(role_id, (names.owner, names.rw, names.ro))),
        "what the migrator makes tomorrow is reachable like what it made today",
    )


def _pool_login(database: str) -> Iterator[Resource]:
    identity = schema_id(database, SCHEMA)
    yield Resource(
        identity,
        "schema",
        {"database": database, "name": SCHEMA, "owner": POSTGRES},
        (database_id(database),),
        "the platform's own corner",
    )
    yield _grants(
        f"{identity}/grants",
        {"database": database, "object": "schema", "name": SCHEMA},
        {POOLER: ["USAGE"]},
        "for the pooler alone",
        identity,
    )
    yield Resource(
        f"{database_id(database)}/function/{SCHEMA}.{POOL_LOGIN}",
        "function",
        {
            "database": database,
            "schema": SCHEMA,
            "name": POOL_LOGIN,
            "owner": POSTGRES,
            "security_definer": True,
            "settings": ["search_path=pg_catalog"],
            "result": RESULT,
            "body_sha256": body_digest(BODY),
            "execute": [POOLER],
        },
        (identity, role_id(POOLER)),
        "the pooler checks passwords by the server's own verifiers",
    )


def _extensions(logical: LogicalDatabase, preload: Collection[str]) -> tuple[ExtensionSpec, ...]:
    declared = logical.extensions
    audited = "pgaudit" in preload and all(e.name != "pgaudit" for e in declared)
    # Without the extension pgAudit's library reports a statement but not the objects it touched.
    return (*declared, ExtensionSpec("pgaudit")) if audited else declared


def _extension(database: str, extension: ExtensionSpec, *, placed: bool = True) -> Resource:
    attributes: dict[str, Json] = {"database": database, "name": extension.name}
    if extension.schema is not None:
        attributes["schema"] = extension.schema
    schema = extension.schema or "public"
    after: tuple[str, ...] = ()
    if placed:
        in_schema = () if schema == "pg_catalog" else (schema_id(database, schema),)
        after = (database_id(database), *in_schema)
    if extension.version is not None:
        attributes["version"] = extension.version
    return Resource(
        f"{database_id(database)}/extension/{extension.name}",
        "extension",
        attributes,
        after,
        "the document declares it" if placed else "the platform reads statistics by statement",
    )


def _grants(
    identity: str,
    what: Mapping[str, Json],
    grants: Mapping[str, list[str]],
    reason: str,
    *after: str,
) -> Resource:
    named = [role_id(name) for name in sorted(grants) if name not in (PUBLIC, POSTGRES)]
    ordered = {name: sorted(grants[name]) for name in sorted(grants)}
    return Resource(identity, "grants", {**what, "grants": ordered}, (*after, *named), reason)
