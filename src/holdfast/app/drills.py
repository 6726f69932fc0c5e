"""Drills: which there are, and what a run of one has left."""

from __future__ import annotations

from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import NotFound
from holdfast.recovery import drill_record
from holdfast.recovery.drill import Drill
from holdfast.recovery.drills import every
from holdfast.store import drills, evidence
from holdfast.workflows.drill import evidence_id


def declared() -> list[dict[str, Json]]:
    """Every drill as it is declared, for people and programs."""
    return [_shown(drill) for drill in every().values()]


def _shown(drill: Drill) -> dict[str, Json]:
    return {
        "id": drill.id,
        "title": drill.title,
        "documentation": drill.documentation,
        "blast": str(drill.blast),
        "faults": [stroke.fault for stroke in drill.strokes],
        "nodes": drill.nodes,
        "hold_s": drill.hold_s,
        "deadline_s": drill.deadline_s,
        "undone": drill.undone,
        "checks": list(drill.required),
    }


async def run(control: Control, operation_id: str) -> dict[str, Json]:
    """The evidence of one run. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        leaf = await evidence.get(connection, evidence_id(operation_id))
    found = leaf.record
    return {
        "id": found.id,
        "kind": found.kind,
        "operation": operation_id,
        "database": found.database,
        "at": found.at.isoformat(),
        "verdict": found.verdict,
        "actor": found.actor,
        "measured": dict(found.measured),
        "reasons": list(found.reasons),
    }


async def raw(control: Control, operation_id: str) -> bytes:
    """Everything that was noted in a run, as JSON. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        found = await drills.record(connection, operation_id)
    if found is None:
        raise NotFound(
            f"operation {operation_id} has no record of a drill",
            subject=f"operation {operation_id}",
        )
    return drill_record.text(found)
