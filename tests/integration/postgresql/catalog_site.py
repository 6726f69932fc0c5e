"""A catalog under test on a real server: what is wanted, its secrets, and how to put it right."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from psycopg import sql

from holdfast.core.change import Action, Change, Resource, State, state
from holdfast.engines.postgresql.catalog.names import Roles
from holdfast.engines.postgresql.catalog.observe import observe
from holdfast.engines.postgresql.catalog.perform import perform
from holdfast.engines.postgresql.catalog.render import desired
from holdfast.engines.postgresql.catalog.scram import scram_verifier
from holdfast.spec.model import DatabaseSpec
from tests.integration.postgresql.server import PostgresServer


@dataclass(frozen=True)
class Password:
    password: str
    verifier: str


@dataclass
class Site:
    """One cluster under test: what is wanted, the secrets, and the server."""

    server: PostgresServer
    spec: DatabaseSpec
    passwords: dict[str, Password] = field(default_factory=dict)

    @property
    def names(self) -> Roles:
        return Roles(self.spec.name)

    @property
    def wanted(self) -> list[Resource]:
        return desired(self.spec, self.server.version, 50, preload=())

    @property
    def verifiers(self) -> dict[str, str]:
        return {ref: each.verifier for ref, each in self.passwords.items()}

    async def secret(self, ref: str) -> Password:
        if ref not in self.passwords:
            password = secrets.token_urlsafe(24)
            salt = secrets.token_bytes(16)
            self.passwords[ref] = Password(password, scram_verifier(password, salt))
        return self.passwords[ref]

    async def observed(self) -> State:
        return state(await observe(self.server.connect, self.wanted, self.verifiers))

    async def changes(self) -> list[Change]:
        return difference(state(self.wanted), await self.observed())

    async def apply(self) -> list[Change]:
        changes = await self.changes()
        for change in changes:
            await perform(change, self.server.connect, self.secret)
        return changes

    def without(self, database: str) -> Site:
        """The same site after a logical database left its document."""
        kept = tuple(each for each in self.spec.databases if each.name != database)
        return replace(self, spec=replace(self.spec, databases=kept))

    async def run(self, database: str, *statements: str) -> None:
        async with self.server.connect(database) as connection:
            for statement in statements:
                await connection.execute(statement)  # type: ignore[arg-type]


EXTENSIONS = ("citext", {"name": "pg_trgm", "schema": "sales"})
ODD = 'odd "name" in it'


def difference(wanted: State, found: State) -> list[Change]:
    """A plain diff in the order of the desired resources, which is an order of `after`."""
    changes = []
    for identity, resource in wanted.items():
        actual = found.get(identity)
        if actual is None or actual.attributes != resource.attributes:
            action = Action.UPDATE if actual else Action.CREATE
            before = actual.attributes if actual else None
            changes.append(change_of(action, resource, before, resource.attributes))
    for identity in found.keys() - wanted.keys():
        actual = found[identity]
        changes.append(change_of(Action.DELETE, actual, actual.attributes, None))
    return changes


def change_of(action: Action, resource: Resource, before: object, after: object) -> Change:
    identity = f"{action} {resource.id}"
    return Change(identity, resource.kind, action, resource.id, before, after)  # type: ignore[arg-type]


def spec_of(name: str, extensions: Sequence[object] = EXTENSIONS) -> DatabaseSpec:
    return DatabaseSpec.from_json(
        {
            "name": name,
            "owner": "team",
            "environment": "test",
            "tier": "tier-3",
            "size": "xs",
            "classification": "internal",
            "databases": [
                {
                    "name": name,
                    "schemas": ["sales", ODD],
                    "extensions": list(extensions),
                },
                {"name": f"{name}-two"},
            ],
        }
    )


async def remove(site: Site) -> None:
    async with site.server.connect("postgres") as connection:
        for logical in site.spec.databases:
            name = sql.Identifier(logical.name)
            await connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(name)
            )
        found = await connection.execute(
            "select rolname from pg_roles where starts_with(rolname, %s)", [site.spec.name]
        )
        for (role,) in await found.fetchall():
            for statement in ("drop owned by {}", "drop role {}"):
                await connection.execute(sql.SQL(statement).format(sql.Identifier(role)))
