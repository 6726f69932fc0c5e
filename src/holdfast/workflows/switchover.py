"""Move the leader's role to another member, while the poolers hold their clients."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.perform.switchover import switch_over
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "switchover"


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Request: `to`, a member's name, or None. Outcome: `from`, `to`, `held_s`."""
    cluster = await cluster_of(run)
    engine = doors(run.platform, run.log)
    old = await run.step("see who leads", leader_name, cluster, engine)
    done: dict[str, Json] = await run.step(
        "switch over", _switch, run, cluster, old, request.get("to")
    )
    return done


async def _switch(run: Run, cluster: Cluster, old: str | None, candidate: str | None) -> Json:
    engine = doors(run.platform, run.log)
    now = await leader_name(cluster, engine)
    if now is not None and now != old:
        # A process before this one has done it, and died before it could say so.
        return {"from": old, "to": now, "held_s": None}
    done = await switch_over(
        cluster, engine, reason=f"operation {run.operation_id}", candidate=candidate
    )
    return {"from": done.old, "to": done.new, "held_s": round(done.held_s, 3)}
