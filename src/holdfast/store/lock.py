"""A lock that one process holds for as long as it is connected to the control database."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable

import psycopg

_log = logging.getLogger(__name__)

_ASK_EVERY_S = 1.0
_PROBE_EVERY_S = 5.0
_PROBE_TIMEOUT_S = 10.0


class SessionLock:
    """A named session advisory lock on a connection of its own.

    The server frees it when the connection ends, so it has to be a direct one: behind a pooler
    in transaction mode it would belong to nobody. When the connection breaks, the lock is asked
    for again; `on_lost` is called when somebody else has it by then.
    """

    def __init__(self, url: str, name: str, *, on_lost: Callable[[], None]) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        digest = hashlib.sha256(f"holdfast:{name}".encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        self._on_lost = on_lost
        self._connection: psycopg.AsyncConnection | None = None
        self._watch: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        """Return once the lock is held, however long that takes."""
        waiting = False
        while not await self._try():
            if not waiting and self._connection is not None:
                _log.info("standby: another process runs the operations; waiting for its lock")
                waiting = True
            await asyncio.sleep(_ASK_EVERY_S)
        self._watch = asyncio.create_task(self._hold())

    async def release(self) -> None:
        """Give the lock up."""
        if self._watch is not None:
            self._watch.cancel()
        await self._disconnect()

    async def _try(self) -> bool:
        """Whether the lock is held now. A database that is away is somebody else's problem."""
        try:
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=5,
                    application_name="holdfast lock",
                    keepalives_idle=5,
                    keepalives_interval=2,
                    keepalives_count=3,
                )
            cursor = await self._connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,))
            row = await cursor.fetchone()
        except psycopg.OperationalError as error:
            _log.warning("the control database does not answer: %s", str(error).strip())
            await self._disconnect()
            return False
        return row is not None and bool(row[0])

    async def _hold(self) -> None:
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            if await self._is_connected():
                continue
            await self._disconnect()
            while not await self._try():
                if self._connection is not None:
                    _log.error("another process took the lock of this control database")
                    self._on_lost()
                    return
                await asyncio.sleep(_ASK_EVERY_S)

    async def _is_connected(self) -> bool:
        if self._connection is None:
            return False
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                await self._connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
