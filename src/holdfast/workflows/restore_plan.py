"""What a restore in place would lose: found out before anybody has to say yes. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Refused
from holdfast.recovery.loss import sentence
from holdfast.recovery.target import Target, target_of
from holdfast.workflows import restoring
from holdfast.workflows.planning import cluster_of
from holdfast.workflows.restoring_in_place import up_to_now
from holdfast.workflows.run import Run

KIND = "restore-plan"
FIELDS = ("target", "backup")


def check(request: Mapping[str, Json]) -> None:
    """Raises `Invalid` for a target that nobody could reach."""
    target_of(request.get("target") or {})


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: the backup, the timeline, and what lies behind the target."""
    cluster = await cluster_of(run)
    target = target_of(request["target"])
    try:
        await run.step("make a stage", restoring.prepare, run, cluster, cluster)
        await run.step("look at the repository", restoring.see_repository, run, cluster, cluster)
        await run.step("bring the archive up to now", up_to_now, run, cluster)
        found = await run.step(
            "find the target", restoring.find, run, cluster, cluster, target, request.get("backup")
        )
        loss = await run.step(
            "count what is lost", restoring.tally, run, cluster, cluster, target, found
        )
    finally:
        await run.step("clear the stage", restoring.clear, run, cluster, cluster, always=True)
    _demand_reached(target, loss)
    return {
        "target": target.to_json(),
        "backup": found["label"],
        "backup_size_bytes": found["size_bytes"],
        "timeline": found["timeline"],
        "loss": loss,
        "summary": sentence(loss) if loss else "what is lost cannot be counted: no node has data",
    }


def _demand_reached(target: Target, loss: Mapping[str, Json] | None) -> None:
    if loss is not None and target.kind in ("name", "xid", "time") and not loss["reached"]:
        raise Refused(
            f"{target} is not in the archive, whose last commit is of {loss['kept_last_commit']}",
            hint="choose an earlier target, or --latest for all there is",
        )
