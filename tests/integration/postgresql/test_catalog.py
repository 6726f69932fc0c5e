"""The catalog on a real server: made once it stays, tampered with it is seen and mended."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date  # noqa: F401

import psycopg
import pytest
from psycopg import sql

from holdfast.core.change import Action, Change, Resource, State, state
from holdfast.engines.postgresql.catalog.doors import Connection
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
        return desired(self.spec, self.server.version, 50, PRELOAD)

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

    async def run(self, database: str, *statements: str) -> None:
        async with self.server.connect(database) as connection:
            for statement in statements:
                await connection.execute(statement)  # type: ignore[arg-type]


PRELOAD: tuple[str, ...] = ()


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


@pytest.fixture
async def site(postgres_server: PostgresServer) -> AsyncIterator[Site]:
    name = f"t{secrets.token_hex(3)}"
    spec = DatabaseSpec.from_json(
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
                    "schemas": ["sales", 'odd "name" in it'],
                    "extensions": ["citext", {"name": "pg_trgm", "schema": "sales"}],
                },
                {"name": f"{name}-two"},
            ],
        }
    )
    found = Site(postgres_server, spec)
    await found.apply()
    yield found
    async with postgres_server.connect("postgres") as connection:
        await remove(connection, found)


async def remove(connection: Connection, site: Site) -> None:
    for logical in site.spec.databases:
        await connection.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(logical.name))
        )
    found = await connection.execute(
        "select rolname from pg_roles where starts_with(rolname, %s)", [site.spec.name]
    )
    for (role,) in await found.fetchall():
        for statement in ("drop owned by {}", "drop role {}"):
            await connection.execute(sql.SQL(statement).format(sql.Identifier(role)))


async def test_what_was_performed_is_what_is_observed(site: Site) -> None:
    assert await site.changes() == []
    for resource in site.wanted:
        found = (await site.observed())[resource.id]
        assert found.attributes == resource.attributes
    # Everything may be carried out twice, and nothing moves.
    for change in difference(state(site.wanted), {}):
        await perform(change, site.server.connect, site.secret)
    assert await site.changes() == []
