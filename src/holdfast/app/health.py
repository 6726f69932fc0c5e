"""Whether the control plane itself works, and numbers about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from holdfast.app.wiring import Control
from holdfast.core.errors import Transient
from holdfast.store import databases, operations

_PROBE_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What the metrics endpoint shows."""

    operations: dict[str, int]
    databases: dict[str, int]


async def probe(control: Control) -> None:
    """Return when the control database answers; raise `Transient` when it does not."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            async with control.platform.store.begin() as connection:
                await operations.ping(connection)
    except TimeoutError as error:
        raise Transient(
            f"the control database did not answer within {_PROBE_TIMEOUT_S:g} s",
            subject="control database",
        ) from error


async def figures(control: Control) -> Figures:
    """Operations by state and databases by phase."""
    async with control.platform.store.begin() as connection:
        by_state = await operations.count_by_state(connection)
        phases: dict[str, int] = {}
        for database in await databases.every(connection):
            phases[database.phase] = phases.get(database.phase, 0) + 1
    return Figures(by_state, phases)
