"""What the catalog needs from outside: connections of a superuser, and secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, LiteralString, Protocol, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

Connection: TypeAlias = AsyncConnection[Any]
Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]
"""Opens a superuser's connection, in autocommit, to the logical database of that name."""


class Secret(Protocol):
    """A password's verifier; the password itself is not needed here."""

    @property
    def verifier(self) -> str:
        """The SCRAM verifier, as `scram.scram_verifier` makes it."""
        ...


Secrets: TypeAlias = Callable[[str], Awaitable[Secret]]
"""Looks a secret up by its reference."""


# A database's owner may set defaults for every session in it and create functions and operators in
# its schemas. Neither may bend what a superuser's session does (CVE-2018-1058 and its kin).
OWN_NAMES = "set role none; set search_path = pg_catalog"
_ON_GUARD = f"{OWN_NAMES}; set default_transaction_read_only = off"


@asynccontextmanager
async def session(connect: Connect, database: str) -> AsyncIterator[Connection]:
    """A connection in which every name is PostgreSQL's own, whatever the database's owner did."""
    async with connect(database) as connection:
        await connection.execute(_ON_GUARD)
        yield connection


@asynccontextmanager
async def reusing(connect: Connect) -> AsyncIterator[Connect]:
    """Opens each logical database's connection once; all are closed when the body ends."""
    async with AsyncExitStack() as stack:
        opened: dict[str, Connection] = {}

        @asynccontextmanager
        async def reuse(database: str) -> AsyncIterator[Connection]:
            if database not in opened or opened[database].closed:
                opened[database] = await stack.enter_async_context(connect(database))
            yield opened[database]

        yield reuse


async def rows(connection: Connection, query: LiteralString, **values: object) -> list[Any]:
    """All rows of a query as tuples, whatever the connection's own row factory."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
