"""Carry out an approved plan, change by change, and confirm that nothing is left to do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from holdfast.core.change import Action, Change, Json, Plan
from holdfast.core.errors import Error, StalePlan, TimedOut
from holdfast.core.promise import Evidence, Verdict
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.perform import perform
from holdfast.engines.postgresql.probe import takes_writes
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import databases, evidence, nodes, operations, plans
from holdfast.workflows.planning import (
    allocate,
    cluster_at,
    doors,
    planned_for,
    refuse_retained,
)
from holdfast.workflows.run import Run, Step

KIND = "apply"

CHANGE_TIMEOUT_S = 1800.0
SETTLE_S = 60.0
"""How long the confirmation waits for what comes by itself, such as a replica's last bytes."""
_PARALLEL = 8


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Request: `plan`, the id of a saved plan. Outcome: what changed, and seconds to ready."""
    accepted = await run.step("accept the plan", _accept, run, request["plan"])
    resolved = ResolvedDatabase.from_json(accepted["document"])
    addresses = {int(ordinal): address for ordinal, address in accepted["addresses"].items()}
    cluster = cluster_at(run.platform, resolved, addresses)
    changes = [Change.from_json(each) for each in accepted["changes"]]
    try:
        await run.graph([_step(run, change, cluster) for change in changes], limit=_PARALLEL)
        confirmed = await run.step("confirm that it is ready", _confirm, run, cluster, changes)
    except Error:
        await run.step("note the failure", _phase, run, cluster.name, "failed", always=True)
        raise
    return {"changes": len(changes), **confirmed}


async def _accept(run: Run, plan_id: str) -> Json:
    """Take the document over, give its nodes their place, and see that the plan still holds."""
    platform = run.platform
    async with platform.store.begin() as connection:
        saved = await plans.get(connection, plan_id)
        resolved = ResolvedDatabase.from_json(saved.spec)
        refuse_retained(await databases.find(connection, resolved.name))
        await databases.put(connection, resolved.name, resolved.to_json(), phase="applying")
        addresses = await allocate(connection, platform, resolved)
    cluster = cluster_at(platform, resolved, addresses)
    fresh = (await planned_for(platform, cluster)).plan
    if fresh.digest != saved.digest:
        await _phase(run, resolved.name, "ready" if not fresh.changes else "failed")
        raise StalePlan(
            f"the plan for {resolved.name} does not hold any more: {_moved(saved.plan, fresh)}",
            subject=f"database {resolved.name}",
            hint="make a new plan and look at it: holdfast plan, then holdfast apply",
        )
    return {
        "document": resolved.to_json(),
        "addresses": {str(ordinal): address for ordinal, address in addresses.items()},
        "changes": [change.to_json() for change in fresh.changes],
    }


def _moved(saved: Plan, fresh: Plan) -> str:
    old, new = ({change.id: change for change in each.changes} for each in (saved, fresh))
    gone = [id for id in old if id not in new]
    come = [id for id in new if id not in old]
    other = [id for id in new if id in old and new[id] != old[id]]
    parts = [
        f"{word} {', '.join(ids[:3])}{' and more' if len(ids) > 3 else ''}"
        for word, ids in (("done or gone:", gone), ("new:", come), ("different:", other))
        if ids
    ]
    return "; ".join(parts) or "the order of its changes is another"


def _step(run: Run, change: Change, cluster: Cluster) -> Step:
    async def act() -> Json:
        await perform(change, cluster, doors(run.platform, run.log))
        if change.kind == "node" and change.action is Action.DELETE:
            ordinal = int(change.target.split("/")[1])
            async with run.platform.store.begin() as connection:
                await nodes.release(connection, cluster.name, ordinal)
        return None

    return Step(change.id, act, needs=change.needs, timeout_s=CHANGE_TIMEOUT_S)


async def _confirm(run: Run, cluster: Cluster, changes: list[Change]) -> Json:
    """Look again until nothing is left to do, then write through every endpoint."""
    deadline = time.monotonic() + SETTLE_S
    while left := (await planned_for(run.platform, cluster)).plan.changes:
        if time.monotonic() > deadline:
            raise TimedOut(
                f"{cluster.name} is not as the document says after {SETTLE_S:g} s: "
                f"{', '.join(change.id for change in left[:5])}",
                subject=f"database {cluster.name}",
                hint="make a new plan to see what is left",
            )
        await run.platform.clock.sleep(0.2)
    await takes_writes(cluster, doors(run.platform, run.log))
    await _phase(run, cluster.name, "ready")
    return await _record(run, cluster, changes)


async def _record(run: Run, cluster: Cluster, changes: list[Change]) -> Json:
    """Time to ready, as evidence, where this operation created the cluster."""
    async with run.platform.store.begin() as connection:
        operation = await operations.get(connection, run.operation_id)
        begun = operation.started_at or operation.created_at
        ready_s = round((datetime.now(UTC) - begun).total_seconds(), 3)
        if any(change.target == "configuration" and change.before is None for change in changes):
            proof = Evidence(
                id=f"{run.operation_id}-ready",
                kind="ready",
                database=cluster.name,
                at=datetime.now(UTC),
                verdict=Verdict.PROVEN,
                measured={"ready_s": ready_s, "nodes": len(cluster.nodes)},
            )
            await evidence.add(connection, proof, operation_id=run.operation_id)
    return {"ready_s": ready_s}


async def _phase(run: Run, name: str, phase: str) -> None:
    async with run.platform.store.begin() as connection:
        await databases.set_phase(connection, name, phase)
