"""The admin console of one PgBouncer, over its Unix socket.

PgBouncer lets the operating-system user that it runs as log in as `pgbouncer` there, without a
password and without a setting; nobody else gets in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from holdfast.node.view import Entry
from holdfast.node.wire import Address, Row, ServerError, Wire

TIMEOUT_S = 2.0
_ACCEPTED_S = 0.05
"""PAUSE answers only when it is complete; that it was taken shows sooner."""


class Console:
    """Questions and orders to one PgBouncer. Raises OSError, TimeoutError or ServerError."""

    def __init__(self, socket_folder: str, port: int) -> None:
        self._address = Address(path=f"{socket_folder}/.s.PGSQL.{port}")
        self._wire: Wire | None = None

    async def entries(self) -> dict[str, Entry]:
        """The logical databases it has loaded."""
        rows = await self._ask("SHOW DATABASES")
        return {
            row["name"] or "": Entry(row["host"] or "", paused=row["paused"] == "1")
            for row in rows
            if row["name"] != "pgbouncer"
        }

    async def servers(self) -> list[Row]:
        """Its connections to servers."""
        return await self._ask("SHOW SERVERS")

    async def pid(self) -> int:
        """The process it runs as."""
        await self._ask("SHOW VERSION")
        assert self._wire is not None
        return self._wire.peer_pid()

    async def reload(self) -> None:
        """Load the configuration again."""
        await self._ask("RELOAD")

    async def resume(self, databases: Sequence[str]) -> None:
        """Let the clients of paused databases go on; one that is not paused is fine."""
        for name in databases:
            with contextlib.suppress(ServerError):
                await self._ask(f'RESUME "{name}"')

    async def pause(self, databases: Sequence[str]) -> None:
        """Hold back the clients of each database; what runs may finish, and is not awaited."""
        await asyncio.gather(*(self._pause(name) for name in databases))

    async def kill(self, databases: Sequence[str]) -> None:
        """Drop all connections, of clients and to servers; leaves the databases paused."""
        for name in databases:
            await self._ask(f'KILL "{name}"')

    async def _pause(self, name: str) -> None:
        wire = await self._connect()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wire.query(f'PAUSE "{name}"'), _ACCEPTED_S)
        finally:
            wire.close()

    async def _ask(self, sql: str) -> list[Row]:
        async with asyncio.timeout(TIMEOUT_S):
            if self._wire is None or self._wire.lost:
                self._wire = await self._connect()
            return await self._wire.query(sql)

    async def _connect(self) -> Wire:
        return await Wire.connect(self._address, "pgbouncer", "pgbouncer")

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()
