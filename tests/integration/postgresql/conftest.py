"""Servers for the tests: one of the platform's main version for all, a fresh database for each."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from psycopg import sql

from tests.integration.postgresql.catalog_site import Site, remove, spec_of
from tests.integration.postgresql.server import PostgresServer, bindirs, running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL: 15 where it is installed, else the newest there is."""
    found = bindirs(wheel=False)
    if not found:
        reason = "no PostgreSQL under /usr/lib/postgresql or /usr/pgsql-*"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running(found.get(15) or found[max(found)]) as server:
        yield server


@pytest.fixture
async def fresh_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """An empty database of the test's own; roles are the server's, so name them after it."""
    name = f"t{secrets.token_hex(4)}"
    async with postgres_server.connect("postgres") as connection:
        await connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield name
    async with postgres_server.connect("postgres") as connection:
        await connection.execute(
            sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        )


@pytest.fixture(scope="session")
def catalog_cluster(postgres_server: PostgresServer) -> Iterator[Site]:
    """One catalog for all tests, because making it takes a second."""
    name = f"t{secrets.token_hex(3)}"
    found = Site(postgres_server, spec_of(name))
    asyncio.run(found.apply())
    yield found
    asyncio.run(remove(found))


@pytest.fixture
async def catalog(catalog_cluster: Site) -> Site:
    """The catalog, whole again whatever the test before left."""
    await catalog_cluster.apply()
    return catalog_cluster
