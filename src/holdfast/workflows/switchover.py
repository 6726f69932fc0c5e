"""Move the leader's role to another member, while the poolers hold their clients."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Transient
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.perform.switchover import switch_over
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "switchover"
FIELDS = ("to",)


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
    """Hand over from `old`, once: a process before this one may have done it, and died since."""
    if old is None:
        raise Conflict(
            f"{cluster.name} has no leader to hand over",
            subject=f"database {cluster.name}",
            hint="wait for the failover to end, then try again",
        )
    engine = doors(run.platform, run.log)
    now = await leader_name(cluster, engine)
    if now is None:
        raise Transient(f"{cluster.name} has no leader at the moment")
    if now != old:
        return {"from": old, "to": now, "held_s": None}
    try:
        done = await switch_over(
            cluster,
            engine,
            reason=f"operation {run.operation_id}",
            candidate=candidate,
            leader=old,
        )
    except Conflict:
        now = await leader_name(cluster, engine)
        if now in (None, old):
            raise
        return {"from": old, "to": now, "held_s": None}
    return {"from": done.old, "to": done.new, "held_s": round(done.held_s, 3)}
