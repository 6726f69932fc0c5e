"""What stands before every route: the token, and a limit to what a request may send."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.api.problems import problem
from holdfast.core.errors import Error, Forbidden, Invalid

MAX_BODY_BYTES = 4 * 2**20

_OPEN = frozenset({"/v1/health"})
"""Paths that need no token. They say nothing that a port scan does not."""


class Guard:
    """ASGI middleware: a bearer token on every path but the open ones, and small bodies only.

    `token` is asked for every request, so that a new one counts at once.
    """

    def __init__(self, app: ASGIApp, *, token: Callable[[], str]) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["path"] not in _OPEN and not self._is_known(headers.get(b"authorization", b"")):
            error: Error = Forbidden(
                "the request carries no valid token",
                hint="send the content of HOME/api.token as a bearer token",
            )
            await problem(error, status=401)(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            error = Invalid(f"the request is larger than {MAX_BODY_BYTES} bytes")
            await problem(error, status=413)(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _is_known(self, header: bytes) -> bool:
        scheme, _, token = header.partition(b" ")
        wanted = self._token().encode()
        # Constant time, or the token could be guessed byte by byte.
        return scheme.lower() == b"bearer" and secrets.compare_digest(token, wanted)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large. It has to be in memory anyway to be parsed."""
    parts: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size_bytes += len(parts[-1])
        if size_bytes > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """What a route receives: the body in one piece, then whatever else the client does."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
