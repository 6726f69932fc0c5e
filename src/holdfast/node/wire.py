"""The few messages of PostgreSQL's protocol that an agent needs, over asyncio.

It logs in where no password is asked for (peer on a Unix socket, a client certificate over TLS)
and sends simple queries: enough for PgBouncer's console and for asking a member how it is. A
full driver would double the agent's memory, and does not tell the moment a connection breaks.

Protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

from holdfast.core.errors import Error

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_VERSION_3 = 196608
_HEADER_BYTES = 5
_AUTHENTICATION_OK = 0
_CREDENTIALS = struct.Struct("iII")

Row: TypeAlias = Mapping[str, str | None]


class ServerError(Error):
    """The server said no; `sqlstate` says which no."""

    code = "server-error"

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: the path of a Unix socket, or a host and port with TLS."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None


class Wire(asyncio.Protocol):
    """One logged-in connection. Not usable any more after an error or a cancelled call."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._arrival: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.lost = False

    @classmethod
    async def connect(
        cls,
        address: Address,
        user: str,
        database: str,
        on_lost: Callable[[], None] = lambda: None,
    ) -> Self:
        """Connect and log in. Raises OSError, ssl.SSLError or ServerError."""
        loop = asyncio.get_running_loop()
        wire = cls(on_lost)
        try:
            if address.path:
                await loop.create_unix_connection(lambda: wire, address.path)
            else:
                await loop.create_connection(lambda: wire, address.host, address.port)
                await wire._start_tls(address)
            await wire._log_in(user, database)
        except BaseException:
            wire.close()
            raise
        return wire

    async def query(self, sql: str) -> list[Row]:
        """The rows of one statement, values as text. Raises OSError or ServerError."""
        try:
            self._send(b"Q", sql.encode() + b"\0")
            return await self._result()
        except ServerError:
            raise
        except BaseException:
            self.close()
            raise

    def peer_pid(self) -> int:
        """The process at the other end of a Unix socket. Raises OSError when it cannot be told."""
        connection = self._transport.get_extra_info("socket") if self._transport else None
        if connection is None:
            raise OSError("the connection is closed")
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid: int = _CREDENTIALS.unpack(packed)[0]
        return pid

    def close(self) -> None:
        """Drop the connection without a word; `on_lost` is not called."""
        self._on_lost = lambda: None
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._buffer += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.lost = True
        self._wake()
        self._on_lost()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if self.lost:
                raise ConnectionResetError("the server closed the connection")
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def _message(self) -> tuple[bytes, bytes]:
        tag, length = struct.unpack("!ci", await self._take(_HEADER_BYTES))
        return tag, await self._take(length - 4)

    def _send(self, tag: bytes, body: bytes) -> None:
        if self.lost or self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._transport.write(tag + struct.pack("!i", len(body) + 4) + body)

    async def _start_tls(self, address: Address) -> None:
        assert self._transport is not None
        self._transport.write(_SSL_REQUEST)
        if await self._take(1) != b"S":
            raise ServerError("the server has no TLS", "08000")
        assert address.tls is not None
        upgraded = await asyncio.get_running_loop().start_tls(
            self._transport, self, address.tls, server_hostname=address.host
        )
        assert upgraded is not None
        self._transport = upgraded

    async def _log_in(self, user: str, database: str) -> None:
        words = ["user", user, "database", database, "application_name", "holdfast-node", ""]
        body = b"".join(word.encode() + b"\0" for word in words)
        self._send(b"", struct.pack("!i", _VERSION_3) + body)
        while True:
            tag, body = await self._message()
            if tag == b"E":
                raise _server_error(body)
            if tag == b"R" and struct.unpack("!i", body[:4])[0] != _AUTHENTICATION_OK:
                raise ServerError(f"the server asks {user} for a password", "28000")
            if tag == b"Z":
                return

    async def _result(self) -> list[Row]:
        names: list[str] = []
        rows: list[Row] = []
        failure: ServerError | None = None
        while True:
            tag, body = await self._message()
            if tag == b"T":
                names = _column_names(body)
            elif tag == b"D":
                rows.append(dict(zip(names, _values(body), strict=True)))
            elif tag == b"E":
                failure = _server_error(body)
            elif tag == b"Z":
                if failure:
                    raise failure
                return rows


def _column_names(body: bytes) -> list[str]:
    names, at = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode())
        at = end + 19
    return names


def _values(body: bytes) -> list[str | None]:
    values: list[str | None] = []
    at = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        if length < 0:
            values.append(None)
            continue
        values.append(body[at : at + length].decode(errors="replace"))
        at += length
    return values


def _server_error(body: bytes) -> ServerError:
    fields = {
        part[:1]: part[1:].decode(errors="replace") for part in body.rstrip(b"\0").split(b"\0")
    }
    return ServerError(fields.get(b"M", "no message"), fields.get(b"C", ""))
