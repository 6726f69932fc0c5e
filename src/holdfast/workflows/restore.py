"""Restore a database to a point in time: as a new one, or in place with a way back.

Whatever the mode, a copy is recovered in a stage first. Only when it has reached its target and
nothing but the document's roles gets in, a cluster takes it over.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Invalid
from holdfast.recovery.masking import masking_of
from holdfast.recovery.target import target_of
from holdfast.workflows import restoring_in_place, restoring_new
from holdfast.workflows.run import Run

KIND = "restore"
FIELDS = ("mode", "source", "target", "backup", "mask", "document", "plan", "copy")
MODES = ("new", "in-place", "undo", "discard")


def check(request: Mapping[str, Json]) -> None:
    """Raises `Invalid` for a request that nothing can come of."""
    mode = request.get("mode")
    if mode not in MODES:
        raise Invalid(f"restore got mode {mode!r}", hint=f"choose one of {', '.join(MODES)}")
    if mode in ("new", "in-place"):
        target_of(request.get("target") or {})
    if mode == "new":
        if not request.get("source") or not request.get("document"):
            raise Invalid(
                "a restore as a new database needs its source and its document",
                hint="ask for it with POST /v1/databases/NAME/restore",
            )
        masking_of(request.get("mask") or {})
    if mode == "in-place" and not request.get("plan"):
        raise Invalid(
            "a restore in place needs the plan that says what is lost",
            hint="start an operation of the kind restore-plan first, and name it",
        )


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: the achieved recovery point, and what else was done on the way there."""
    if request["mode"] == "new":
        return await restoring_new.body(run, request)
    if request["mode"] == "discard":
        return await restoring_in_place.discard(run)
    return await restoring_in_place.body(run, request)
