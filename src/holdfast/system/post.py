"""Sending a document to an address of somebody else's."""

from __future__ import annotations

import httpx

from holdfast.core.errors import Transient

_TIMEOUT_S = 10.0


async def post_json(url: str, content: str) -> None:
    """POST JSON. Raises `Transient` unless it is taken; it does not name the address."""
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            answer = await client.post(
                url, content=content.encode(), headers={"Content-Type": "application/json"}
            )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Transient(f"it could not be sent: {type(error).__name__}") from error
    if answer.status_code >= 300:
        raise Transient(f"it was answered with {answer.status_code}")
