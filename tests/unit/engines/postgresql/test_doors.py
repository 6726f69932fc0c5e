"""Secrets that are looked up once."""

from __future__ import annotations

import asyncio

from holdfast.engines.postgresql.doors import Remembered


class Counted:
    """A place of secrets that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def get(self, reference: str) -> str | None:
        self.asked.append(reference)
        await asyncio.sleep(0)
        return None if reference == "none" else f"the {reference}"

    async def ensure(self, reference: str) -> str:
        self.asked.append(f"made {reference}")
        return f"new {reference}"


async def test_each_secret_is_asked_for_once_however_many_ask() -> None:
    counted = Counted()
    secrets = Remembered(counted)
    found = await asyncio.gather(*(secrets.get(name) for name in ("a", "b", "a", "none", "a")))
    assert found == ["the a", "the b", "the a", None, "the a"]
    assert await secrets.ensure("a") == "the a"
    assert counted.asked == ["a", "b", "none"]
    assert await secrets.ensure("none") == "new none"
