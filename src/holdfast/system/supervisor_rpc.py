"""XML-RPC to supervisord over its Unix socket, every call with a deadline."""

from __future__ import annotations

import asyncio
import http.client
import socket
import xmlrpc.client
from typing import Any

from holdfast.core.errors import Transient


class SupervisorRpc:
    """Calls methods such as `supervisor.getAllProcessInfo`.

    Raises `xmlrpc.client.Fault` for what supervisord declines and `Transient` when no supervisord
    answers at the socket.
    """

    def __init__(self, socket_path: str, *, timeout_s: float = 10.0) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s

    async def call(self, method: str, *arguments: object) -> Any:
        """The method's result."""
        return await asyncio.to_thread(self.ask, method, *arguments)

    def ask(self, method: str, *arguments: object) -> Any:
        """The method's result, for callers that are in a thread already."""
        transport = _UnixTransport(self._path, self._timeout_s)
        # The address is only there to be parsed: the transport goes to the socket.
        with xmlrpc.client.ServerProxy("http://supervisor/RPC2", transport=transport) as server:
            try:
                return getattr(server, f"supervisor.{method}")(*arguments)
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
                raise Transient(
                    f"no supervisor answers at {self._path}: {error}",
                    subject="supervisor",
                    hint="run holdfast up",
                ) from error


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("supervisor", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Connect to the socket instead of to a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__()
        self._path = path
        self._timeout_s = timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """One connection a call."""
        return _UnixConnection(self._path, self._timeout_s)
