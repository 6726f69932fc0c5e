"""Asking the node's own server and Patroni for an answer, each time over a new connection.

A connection that is open says nothing: a stopped postmaster leaves it be, and so does a stopped
Patroni.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from holdfast.node.config import NodeConfig
from holdfast.node.guard import PROBE_TIMEOUT_S
from holdfast.node.wire import Address, ServerError, Wire

_POSITION = "SELECT pg_current_wal_insert_lsn() - '0/0' AS position"
_WRITE = (
    "SET synchronous_commit = local; "
    "SELECT pg_logical_emit_message(true, 'holdfast', 'probe'); " + _POSITION
)
"""It waits for the own disk and for no standby: a missing one is no reason to end anybody."""
_MOVED_BYTES = 8192
"""More than a checkpoint writes by itself: somebody else's writes come through, or try to."""


class ServerProbe:
    """Asks the server for a write; while nobody else writes, for an answer only.

    A write of ours on a server that is idle would make it archive a segment every minute.
    """

    def __init__(
        self,
        config: NodeConfig,
        tls: Callable[[], ssl.SSLContext],
        timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._config, self._tls, self._timeout_s = config, tls, timeout_s
        self._position = 0

    async def hangs(self, *, doubtful: bool) -> bool:
        """Whether no answer comes in time; where it is doubtful already, on neither of two ways."""
        ways = [Address(path=self._socket)]
        if doubtful:
            config = self._config
            ways.append(Address(host=config.address, port=config.postgresql_port, tls=self._tls()))
        return all(await asyncio.gather(*(self._hangs(way) for way in ways)))

    @property
    def _socket(self) -> str:
        return f"{self._config.socket_folder}/.s.PGSQL.{self._config.postgresql_port}"

    async def _hangs(self, way: Address) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ask(way)
        except TimeoutError:
            return True
        except (OSError, ServerError):
            # A refusal is an answer, and a server that is not there does not hang.
            return False
        return False

    async def _ask(self, way: Address) -> None:
        wire = await Wire.connect(way, self._config.check_user, self._config.check_database)
        try:
            position = int((await wire.query(_POSITION))[0]["position"] or 0)
            if abs(position - self._position) > _MOVED_BYTES:
                rows = await wire.query(_WRITE)
                position = int(rows[-1]["position"] or 0)
            self._position = position
        finally:
            wire.close()


class PatroniProbe:
    """Asks Patroni whether it lives."""

    def __init__(
        self,
        config: NodeConfig,
        tls: Callable[[], ssl.SSLContext],
        timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._config, self._tls, self._timeout_s = config, tls, timeout_s

    async def hangs(self) -> bool:
        """Whether it takes the connection and answers nothing."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await asyncio.open_connection(
                    self._config.address, self._config.patroni_port, ssl=self._tls()
                )
                writer.write(b"GET /liveness HTTP/1.0\r\n\r\n")
                return not await reader.readline()
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            if writer is not None:
                writer.transport.abort()
