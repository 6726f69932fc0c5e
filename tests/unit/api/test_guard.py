"""The guard, around an application that only repeats what it receives."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from holdfast.api.guard import MAX_BODY_BYTES, Guard


async def repeat(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)}")(scope, receive, send)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Guard(repeat, token=lambda: "t0ken"))
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as opened:
        yield opened


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("", 401),
        ("t0ken", 401),
        ("Basic t0ken", 401),
        ("Bearer", 401),
        ("Bearer t0ken2", 401),
        ("Bearer  t0ken", 401),
        ("Bearer t0ken", 200),
        ("bearer t0ken", 200),
    ],
)
async def test_who_may_ask(client: httpx.AsyncClient, header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert (await client.get("/v1/operations", headers=headers)).status_code == status


async def test_a_token_that_is_not_ascii_is_only_wrong(client: httpx.AsyncClient) -> None:
    answer = await client.get("/x", headers={"Authorization": b"Bearer \xff\xfe"})  # type: ignore[dict-item]
    assert answer.status_code == 401


async def test_health_needs_no_token(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/health")).status_code == 200
    assert (await client.get("/v1/health/")).status_code == 401


@pytest.mark.parametrize(
    ("size_bytes", "status"), [(0, 200), (MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)]
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_how_much_may_be_sent(
    client: httpx.AsyncClient, size_bytes: int, status: int, chunked: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size_bytes, 100_000):
            yield b"x" * min(100_000, size_bytes - start)

    content = chunks() if chunked else b"x" * size_bytes
    headers = {"Authorization": "Bearer t0ken"}
    answer = await client.post("/x", content=content, headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.text == str(size_bytes)
    else:
        assert answer.headers["content-type"] == "application/problem+json"
