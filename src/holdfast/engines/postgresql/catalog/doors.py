"""What the catalog needs from outside: connections of a superuser, and secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
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


async def rows(connection: Connection, query: LiteralString, **values: object) -> list[Any]:
    """All rows of a query as tuples, whatever the connection's own row factory."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
