"""Carry out an approved plan, change by change, and confirm that nothing is left to do."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from holdfast.core.change import Change, Json
from holdfast.core.errors import (
    Conflict,
    Error,
    Invalid,
    Refused,
    StalePlan,
    TimedOut,
    Transient,
)
from holdfast.core.finding import Finding
from holdfast.core.promise import Evidence, Verdict
from holdfast.engines.postgresql.catalog import perform as catalog
from holdfast.engines.postgresql.cluster import Cluster, Installation
from holdfast.engines.postgresql.observe_ports import PORT_IN_USE
from holdfast.engines.postgresql.perform import perform
from holdfast.engines.postgresql.plan import DOCUMENT, MOVING, moved
from holdfast.engines.postgresql.probe import takes_writes
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import databases, evidence, operations, plans
from holdfast.workflows.batches import Batch, batches
from holdfast.workflows.planning import (
    FAILED,
    GONE,
    READY,
    Planned,
    allocate,
    cluster_at,
    doors,
    gone,
    planned,
    planned_for,
)
from holdfast.workflows.run import Run, Step

KIND = "apply"
FIELDS = ("plan", "digest", "recreate_empty")

CHANGE_TIMEOUT_S = 1800.0
_SETTLING = MOVING | {"configuration"}
SETTLE_S = 60.0
"""How long the confirmation waits for what comes by itself, such as a replica's last bytes."""
_PARALLEL = 8


def check(request: Mapping[str, Json]) -> None:
    """`recreate_empty` is a list of names. Raises `Invalid`."""
    names = request.get("recreate_empty") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Invalid("recreate_empty is not a list of names of logical databases")


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Request: `plan`, the id of a saved plan, and its `digest` if it was looked at.

    `recreate_empty` names logical databases that may be made anew though their data are gone.
    Outcome: what changed, and seconds to ready.
    """
    empty = request.get("recreate_empty") or []
    accepted = await run.step(
        "accept the plan", _accept, run, request["plan"], request.get("digest"), empty
    )
    resolved = ResolvedDatabase.from_json(accepted["document"])
    addresses = {int(ordinal): address for ordinal, address in accepted["addresses"].items()}
    cluster = replace(
        cluster_at(run.platform, resolved, addresses),
        # A release of ours that comes in between is a plan of its own, not a part of this one.
        installation=Installation.from_json(accepted["installation"]),
    )
    return await carry_out(
        run, cluster, accepted["changes"], unseen=accepted["unseen"], before=accepted["before"],
        empty=empty,
    )  # fmt: skip


async def carry_out(
    run: Run,
    cluster: Cluster,
    wanted: Sequence[Json],
    *,
    unseen: bool,
    before: Mapping[str, Json] | None = None,
    empty: Sequence[str] = (),
) -> dict[str, Json]:
    """Perform changes, see that nothing is left to do, and give the outcome of an apply.

    With `unseen`, what a plan could not look at is looked at when somebody leads. `before` is what
    was recorded of the database; without it, a logical database that is gone may be made anew.
    """
    changes = [Change.from_json(each) for each in wanted]
    try:
        await _perform(run, cluster, changes)
        if unseen:
            changes += await _catch_up(run, cluster, before, list(empty))
        confirmed = await run.step("confirm that it is ready", _confirm, run, cluster, changes)
    except Error:
        await run.step("note the failure", _phase, run, cluster.name, FAILED, always=True)
        raise
    return {"changes": len(changes), **confirmed}


async def _accept(run: Run, plan_id: str, digest: str | None, empty: list[str]) -> Json:
    """See that the plan still holds, then take the document over and give its nodes their place."""
    platform = run.platform
    async with platform.store.begin() as connection:
        saved = await plans.get(connection, plan_id)
    resolved = ResolvedDatabase.from_json(saved.spec)
    if digest not in (None, saved.digest):
        raise StalePlan(
            f"plan {plan_id} has the digest {saved.digest}, not {digest}",
            subject=f"database {resolved.name}",
            hint="make a new plan and look at it: holdfast plan, then holdfast apply",
        )
    fresh = await planned(platform, resolved)
    if difference := moved(saved.plan, fresh.plan):
        raise StalePlan(
            f"the plan for {resolved.name} does not hold any more: {difference}",
            subject=f"database {resolved.name}",
            hint="make a new plan and look at it: holdfast plan, then holdfast apply",
        )
    _refuse_occupied(fresh)
    _refuse_emptied(fresh.findings, empty)
    async with platform.store.begin() as connection:
        before = await databases.find(connection, resolved.name)
        await databases.put(connection, resolved.name, resolved.to_json(), phase="applying")
        addresses = await allocate(connection, platform, resolved)
    cluster = cluster_at(platform, resolved, addresses)
    if cluster.nodes != fresh.cluster.nodes:
        # Another database has come in between and taken an address.
        fresh = await planned_for(platform, cluster)
    return {
        "document": resolved.to_json(),
        "addresses": {str(ordinal): address for ordinal, address in addresses.items()},
        "changes": [change.to_json() for change in fresh.plan.changes],
        "installation": fresh.cluster.installation.to_json(),
        "unseen": bool(fresh.observed.unseen),
        "before": None if before is None else {"spec": before.spec, "phase": before.phase},
    }


def _refuse_occupied(planned: Planned) -> None:
    """Raise `Conflict` before anything is made that could not start."""
    for finding in planned.findings:
        if finding.id == PORT_IN_USE:
            raise Conflict(finding.message, subject=finding.subject, hint=finding.hint)


def _refuse_emptied(findings: Iterable[Finding], empty: Collection[str]) -> None:
    """Raise `Refused` where lost data would be replaced by nothing, and nobody has said so.

    From then on every backup would be of the empty database, until the good ones are gone.
    """
    for finding in findings:
        if finding.id == GONE and finding.evidence["database"] not in empty:
            raise Refused(finding.message, subject=finding.subject, hint=finding.hint)


async def _catch_up(
    run: Run, cluster: Cluster, before: Mapping[str, Json] | None, empty: list[str]
) -> list[Change]:
    """Change what could not be looked at before: while nobody leads, the catalog is out of sight.

    The plan said so, and whoever agreed to it wants the document to hold. `before` is what was
    recorded of the database.
    """
    found = await run.step(
        "look at what was out of sight", _come_into_sight, run, cluster, before, empty
    )
    changes = [Change.from_json(each) for each in found]
    await _perform(run, cluster, changes)
    return changes


async def _perform(run: Run, cluster: Cluster, changes: list[Change]) -> None:
    own = [change for change in changes if change.kind != DOCUMENT]
    steps = [_step(run, batch, cluster) for batch in batches(own, catalog.KINDS)]
    await run.graph(steps, limit=_PARALLEL)


async def _come_into_sight(
    run: Run, cluster: Cluster, before: Mapping[str, Json] | None, empty: list[str]
) -> Json:
    fresh = await planned_for(run.platform, cluster)
    if fresh.observed.unseen:
        raise Transient(f"nobody leads {cluster.name}", subject=f"database {cluster.name}")
    if before is not None:
        _refuse_emptied(gone(fresh, before["spec"], before["phase"]), empty)
    seen = [change for change in fresh.plan.changes if change.kind in catalog.KINDS]
    known = {change.id for change in seen}
    return [
        replace(change, needs=tuple(each for each in change.needs if each in known)).to_json()
        for change in seen
    ]


def _step(run: Run, batch: Batch, cluster: Cluster) -> Step:
    async def act() -> Json:
        await perform(batch.changes, cluster, doors(run.platform, run.log))
        return None

    return Step(batch.name, act, needs=batch.needs, timeout_s=CHANGE_TIMEOUT_S)


async def _confirm(run: Run, cluster: Cluster, changes: list[Change]) -> Json:
    """Look again until nothing is left to do, then write through every endpoint."""
    deadline = time.monotonic() + SETTLE_S
    while left := await _left(run, cluster):
        # Nobody but us puts a role or a file right: waiting for those is in vain.
        if time.monotonic() > deadline or not any(each.kind in _SETTLING for each in left):
            raise TimedOut(
                f"{cluster.name} is not as the document says: "
                f"{', '.join(change.id for change in left[:5])}",
                subject=f"database {cluster.name}",
                hint="make a new plan to see what is left",
            )
        await run.platform.clock.sleep(0.2)
    await takes_writes(cluster, doors(run.platform, run.log))
    await _phase(run, cluster.name, READY)
    return await _record(run, cluster, changes)


async def _left(run: Run, cluster: Cluster) -> tuple[Change, ...]:
    # While nobody leads, the leader itself is among the changes, so what is unseen is no gap.
    return (await planned_for(run.platform, cluster)).plan.changes


async def _record(run: Run, cluster: Cluster, changes: list[Change]) -> Json:
    """Time to ready, as evidence, where this operation created the cluster."""
    async with run.platform.store.begin() as connection:
        operation = await operations.get(connection, run.operation_id)
        begun = operation.started_at or operation.created_at
        now = run.platform.clock.now()
        ready_s = round(max(0.0, (now - begun).total_seconds()), 3)
        if any(change.target == "configuration" and change.before is None for change in changes):
            proof = Evidence(
                id=f"{run.operation_id}-ready",
                kind="ready",
                database=cluster.name,
                at=now,
                verdict=Verdict.PROVEN,
                measured={"ready_s": ready_s, "nodes": len(cluster.nodes)},
            )
            await evidence.add(connection, proof, operation_id=run.operation_id, actor=run.actor)
    return {"ready_s": ready_s}


async def _phase(run: Run, name: str, phase: str) -> None:
    async with run.platform.store.begin() as connection:
        await databases.set_phase(connection, name, phase)
