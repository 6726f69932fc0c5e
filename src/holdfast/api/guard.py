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
    """ASGI middleware: a bearer token on every path but the open ones, and small bodies only."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["path"] not in _OPEN and not self._is_known(headers.get(b"authorization", b"")):
            error: Error = Forbidden(
                "the request carries no valid token",
                hint="Send the content of HOME/api.token as a bearer token.",
            )
            await problem(error, status=401)(scope, receive, send)
            return
        try:
            await self._app(scope, _limited(receive), send)
        except _TooLarge:
            error = Invalid(f"the request is larger than {MAX_BODY_BYTES} bytes")
            await problem(error, status=413)(scope, receive, send)

    def _is_known(self, header: bytes) -> bool:
        scheme, _, token = header.partition(b" ")
        # Constant time, or the token could be guessed byte by byte.
        return scheme.lower() == b"bearer" and secrets.compare_digest(token, self._token)


class _TooLarge(Exception):
    """The body went beyond the limit."""


def _limited(receive: Receive) -> Callable[[], Awaitable[Message]]:
    seen_bytes = 0

    async def limited() -> Message:
        nonlocal seen_bytes
        message = await receive()
        seen_bytes += len(message.get("body", b""))
        if seen_bytes > MAX_BODY_BYTES:
            raise _TooLarge
        return message

    return limited
