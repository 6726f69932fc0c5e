"""Whether the control plane itself works, and numbers about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from holdfast.app import scheduler
from holdfast.app.wiring import Control
from holdfast.core.errors import Transient
from holdfast.store import databases, evidence, evidence_heads, operations

_PROBE_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What the metrics endpoint shows; `late_s` is by database and task of the schedule."""

    operations: dict[str, int]
    databases: dict[str, int]
    leaves: int
    signed_leaves: int
    late_s: dict[tuple[str, str], float]


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
    """Operations by state, databases by phase, the ledger, and what is late."""
    upcoming = await scheduler.outlook(control, None)
    async with control.platform.store.begin() as connection:
        by_state = await operations.count_by_state(connection)
        phases: dict[str, int] = {}
        for database in await databases.every(connection):
            phases[database.phase] = phases.get(database.phase, 0) + 1
        ledger = await evidence.now(connection)
        last = await evidence_heads.last(connection)
    late = {
        (each.task.database, each.task.name): each.late(upcoming.now).total_seconds()
        for each in upcoming.entries
    }
    return Figures(by_state, phases, ledger.size, last.head.size if last else 0, late)
