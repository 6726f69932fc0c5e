"""Secrets that somebody gives the platform: they come in, and no way leads out again."""

from __future__ import annotations

import re

from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import Invalid
from holdfast.engines.postgresql.cluster import given
from holdfast.store import secrets

_NAME = re.compile(r"[a-z][a-z0-9-]{0,70}")
_LONGEST = 4096


async def put(control: Control, name: str, value: str) -> None:
    """Keep a secret, or another value for it. Raises `Invalid`."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} cannot be the name of a secret",
            hint="use a-z, 0-9 and -, starting with a letter",
        )
    if not value or len(value) > _LONGEST or not value.isprintable():
        raise Invalid(
            f"the value of secret {name} is empty, too long or not one line of text",
            hint="give one line of text",
        )
    await control.platform.secrets.give(given(name), value)


async def every(control: Control) -> list[dict[str, Json]]:
    """Names, versions and ages; never a value."""
    async with control.platform.store.begin() as connection:
        found = []
        for reference in await secrets.refs(connection, given("")):
            sealed = await secrets.find(connection, reference)
            if sealed is not None:
                found.append(
                    {
                        "name": reference.removeprefix(given("")),
                        "version": sealed.version,
                        "created_at": sealed.created_at.isoformat(),
                    }
                )
    return found
