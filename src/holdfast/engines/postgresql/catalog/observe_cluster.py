"""What is shared by all databases of a cluster: roles, memberships, databases and their grants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.core.change import Json, Resource
from holdfast.engines.postgresql.catalog import queries
from holdfast.engines.postgresql.catalog.doors import Connection, rows
from holdfast.engines.postgresql.catalog.render_roles import membership_id
from holdfast.spec.owned_parameters import PLATFORM_OWNED


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: the desired resources, the platform's roles, and known verifiers."""

    resources: tuple[Resource, ...]
    roles: list[str]
    verifiers: Mapping[str, str]

    @classmethod
    def of(cls, desired: Sequence[Resource], verifiers: Mapping[str, str]) -> Wanted:
        """Collect the roles of the platform from the desired resources."""
        names = [each.attributes["name"] for each in desired if each.kind == "role"]
        return cls(tuple(desired), names, verifiers)

    def of_kind(self, kind: str, database: str | None = None) -> list[Resource]:
        """Desired resources of a kind, in one database where it matters."""
        return [
            each
            for each in self.resources
            if each.kind == kind and database in (None, each.attributes.get("database"))
        ]


def seen(resource: Resource, **attributes: Json) -> Resource:
    """The resource as it is: the desired one's identity with what was observed."""
    return Resource(resource.id, resource.kind, {**resource.attributes, **attributes})


def grouped(triples: Iterable[tuple[str, str, bool]]) -> dict[str, list[str]]:
    """Role to its privileges, sorted; `*` marks one that the role may grant on."""
    found: dict[str, set[str]] = {}
    for role, privilege, grantable in triples:
        found.setdefault(role, set()).add(privilege + ("*" if grantable else ""))
    return {role: sorted(found[role]) for role in sorted(found)}


async def observe_cluster(
    connection: Connection, wanted: Wanted
) -> tuple[list[Resource], frozenset[str]]:
    """Everything shared, and the names of the databases that can be looked into."""
    databases = await rows(connection, queries.DATABASES)
    shared = await rows(connection, queries.SHARED_SETTINGS)
    found = [
        *await _roles(connection, wanted),
        *await _memberships(connection, wanted),
        *_databases(wanted, databases, shared),
        *await _database_grants(connection, wanted),
        *(
            seen(each, settings=_owned(setting for name, setting in shared if name is None))
            for each in wanted.of_kind("catalog-settings")
        ),
    ]
    return found, frozenset(name for name, _, _, open_, *_ in databases if open_)


def _owned(settings: Iterable[str]) -> dict[str, str]:
    """Of `name=value` those whose parameter belongs to the platform."""
    pairs = (setting.partition("=") for setting in settings)
    return {name: value for name, _, value in pairs if name.lower() in PLATFORM_OWNED}


async def _roles(connection: Connection, wanted: Wanted) -> list[Resource]:
    settings: dict[str, dict[str, str]] = {}
    for role, database, setting in await rows(
        connection, queries.ROLE_SETTINGS, roles=wanted.roles
    ):
        name, _, value = setting.partition("=")
        settings.setdefault(role, {})[f"{database}/{name}" if database else name] = value
    known = {row[0]: row for row in await rows(connection, queries.ROLES, roles=wanted.roles)}
    return [
        seen(each, **_role(known[name], each, wanted.verifiers), settings=settings.get(name, {}))
        for each in wanted.of_kind("role")
        if (name := each.attributes["name"]) in known
    ]


_COLUMNS = (
    "name",
    "login",
    "superuser",
    "createdb",
    "createrole",
    "replication",
    "bypassrls",
    "inherit",
    "connection_limit",
    "valid_until",
)


def _role(row: Sequence[Any], resource: Resource, verifiers: Mapping[str, str]) -> dict[str, Json]:
    *columns, verifier = row
    attributes = dict(zip(_COLUMNS, columns, strict=True))
    return attributes | {"password": password(verifier, resource.attributes["password"], verifiers)}


def password(verifier: str | None, desired: str | None, verifiers: Mapping[str, str]) -> str | None:
    """How a role's password reads: None, the desired reference, or `changed`."""
    if verifier is None:
        return None
    if desired is None:
        return "changed"
    return desired if verifiers.get(desired.removeprefix("secret:")) == verifier else "changed"


async def _memberships(connection: Connection, wanted: Wanted) -> Iterator[Resource]:
    newer = connection.info.server_version >= 160000
    query = queries.MEMBERSHIPS_16 if newer else queries.MEMBERSHIPS
    found = await rows(connection, query, roles=wanted.roles)
    names = ("role", "member", "admin", "inherit", "set")[: 5 if newer else 3]
    return (
        Resource(membership_id(row[0], row[1]), "membership", dict(zip(names, row, strict=True)))
        for row in found
    )


def _databases(
    wanted: Wanted, databases: Sequence[Any], shared: Sequence[Any]
) -> Iterator[Resource]:
    known = {row[0]: row for row in databases}
    for each in wanted.of_kind("database"):
        name = each.attributes["name"]
        if name not in known:
            continue
        _, owner, encoding, open_, limit, template = known[name]
        yield seen(
            each,
            owner=owner,
            encoding=encoding,
            allow_connections=open_,
            connection_limit=limit,
            is_template=template,
            settings=_owned(setting for database, setting in shared if database == name),
        )


async def _database_grants(connection: Connection, wanted: Wanted) -> list[Resource]:
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for name, *grant in await rows(connection, queries.DATABASE_GRANTS, roles=wanted.roles):
        found.setdefault(name, []).append((grant[0], grant[1], grant[2]))
    known = {row[0] for row in await rows(connection, queries.DATABASES)}
    return [
        seen(each, grants=grouped(found.get(each.attributes["name"], ())))
        for each in wanted.of_kind("grants")
        if each.attributes["object"] == "database" and each.attributes["name"] in known
    ]
