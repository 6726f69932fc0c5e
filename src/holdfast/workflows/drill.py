"""Cause a fault on a real cluster and hold what it costs against the tier.

What will be hit is recorded with the operation before anything is done, so that whoever goes on
with it can undo it. The fault is caused once: a mark on disk is written before it, and a run that
finds the mark of an earlier one of the same operation causes nothing, undoes everything, restores
the cluster and says `unproven`; unless the drill is of the kind that outlives its control plane.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Cancelled, Conflict, Error, Invalid, Refused
from holdfast.core.promise import Evidence
from holdfast.engines.postgresql import drill as engine
from holdfast.engines.postgresql import ledger_table
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.drill_account import ENDPOINTS
from holdfast.engines.postgresql.endpoints import Role, login
from holdfast.engines.postgresql.faults import CannotCause, Scene, chance, targets
from holdfast.engines.postgresql.health import whole_within
from holdfast.engines.postgresql.leadership import to_leader
from holdfast.engines.postgresql.render_sandbox import sandbox_folder
from holdfast.recovery import drill_record
from holdfast.recovery.calendar import stretch
from holdfast.recovery.drill import Drill, Seen, Terms, refusal
from holdfast.recovery.drills import every, find
from holdfast.spec.model import Environment
from holdfast.store import drills, evidence, operations
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "drill"
FIELDS = ("drill", "seed", "load", "consent", "force")
_HEALTHY_WITHIN_S = 10.0
_BACK_WITHIN_S = 120.0
_ENDED = "the control plane ended during the drill"


def evidence_id(operation_id: str) -> str:
    """How the evidence of an operation is called."""
    return f"{operation_id}-drill"


def check(request: Mapping[str, Json]) -> None:
    """A request names the `drill`, and perhaps `seed`, `load`, `consent` and `force`."""
    if request.get("drill") not in every():
        find(str(request.get("drill")))
    if request.get("load", "normal") not in engine.LOADS:
        raise Invalid(
            f"there is no load {request['load']!r}", hint=f"choose one of {', '.join(engine.LOADS)}"
        )
    if not isinstance(request.get("seed", 0), int | None):
        raise Invalid(f"the seed is {request['seed']!r}", hint="give a whole number")
    for name in ("consent", "force"):
        if not isinstance(request.get(name, ""), str | None):
            raise Invalid(f"{name} is {request[name]!r}", hint="give a reason in words")


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: verdict, reasons, the measured figures, and the id of the evidence."""
    cluster = await cluster_of(run)
    drill = find(request["drill"])
    seed = request.get("seed")
    seed = zlib.crc32(run.operation_id.encode()) if seed is None else seed
    said = {"seed": seed, "load": request.get("load", "normal")}
    said |= await run.step("see that it may be done", _permitted, run, cluster, drill, request)
    said |= await run.step(
        "see that the cluster is whole", _whole, run, cluster, request, retry_for_s=0
    )
    problem: Error | None = None
    aims: Json = None
    found: Json = None
    try:
        await run.step("prepare the ledger", _prepare, run, cluster)
        aims = await run.step("take aim", _aim, run, cluster, drill, seed)
        if "unable" in aims:
            found = {"unable": aims["unable"]}
        else:
            found = await run.step(
                "cause the fault under load",
                _strike,
                run,
                cluster,
                drill,
                aims["aims"],
                said,
                retry_for_s=0,
            )
    except Error as error:
        problem = error
    if aims is not None and "aims" in aims:
        try:
            await run.step(
                "undo the fault", _undo, run, cluster, drill, aims["aims"], seed, always=True
            )
        except Error as error:
            # What is left of it shows in what is recorded, and ends the operation.
            problem = problem or error
    back = await run.step("wait until all nodes are back", _back, run, cluster, always=True)
    recorded: dict[str, Json] = {}
    if found is not None:
        recorded = await run.step(
            "judge and record", _record, run, cluster, drill, said, found, back, always=True
        )
    await run.step("remove the ledger", _clear, run, cluster, always=True)
    if problem is not None:
        raise problem
    if found is not None and found.get("cancelled"):
        raise Cancelled("cancelled while the fault lasted; it was undone")
    return recorded


async def _permitted(
    run: Run, cluster: Cluster, drill: Drill, request: Mapping[str, Json]
) -> dict[str, Json]:
    """Raises `Refused` without a window or a consent, `Conflict` while another drill runs."""
    spec, consent = cluster.spec, request.get("consent") or ""
    window, now = cluster.resolved.maintenance_window, run.platform.clock.now()
    in_window = window is not None and stretch(window, now).begin <= now
    why_not = refusal(
        tier_rpo_s=cluster.tier.rpo_s,
        production=spec.environment is Environment.PRODUCTION,
        in_window=in_window,
        consent=consent,
        blast=drill.blast,
    )
    if why_not:
        raise Refused(
            f"{drill.id} on {cluster.name} is not allowed now: {why_not}",
            subject=f"database {cluster.name}",
            hint='say why it has to be now with --consent "…", which is recorded, or wait for the '
            f"maintenance window ({window or 'the document has none'})",
        )
    async with run.platform.store.begin() as connection:
        running = await operations.running(connection)
    mine = next((each for each in running if each.id == run.operation_id), None)
    for other in running:
        # Whoever began first goes on, in every replay.
        if (
            other.kind == KIND
            and other.id != run.operation_id
            and mine is not None
            and (other.started_at, other.id) < (mine.started_at, mine.id)
        ):
            raise Conflict(
                f"drill {other.id} runs on {other.database}",
                subject=f"database {other.database}",
                hint="wait for its end: one drill at a time on a site",
            )
    return {"consent": consent, "in_window": in_window}


async def _whole(run: Run, cluster: Cluster, request: Mapping[str, Json]) -> dict[str, Json]:
    """Raises `Refused` on a cluster that is not whole: the drill would make it worse."""
    missing = await whole_within(cluster, doors(run.platform, run.log), _HEALTHY_WITHIN_S)
    force = (request.get("force") or "").strip()
    if missing and not force:
        raise Refused(
            f"{cluster.name} is not whole: {missing}",
            subject=f"database {cluster.name}",
            hint="put it right first, for example with `holdfast apply`, or say why it has to be "
            'all the same with --force "…"',
        )
    return {"forced": force, "missing_at_start": missing}


async def _prepare(run: Run, cluster: Cluster) -> Json:
    scene = _scene(run, cluster, 0, "prepare")
    leader = await targets.leader(scene)
    async with scene.doors.connect(leader, cluster.spec.databases[0].name) as connection:
        await ledger_table.create_table(
            connection, login(cluster, Role.RW).user, mark=run.operation_id
        )
    return None


async def _aim(run: Run, cluster: Cluster, drill: Drill, seed: int) -> Json:
    """What will be hit, or why it cannot be: kept with the operation before any harm."""
    if len(cluster.nodes) < drill.nodes:
        return {"unable": f"it takes {drill.nodes} nodes, and there are {len(cluster.nodes)}"}
    try:
        return {"aims": await engine.aims(_scene(run, cluster, seed, "aim"), drill)}
    except CannotCause as error:
        return {"unable": error.message}


async def _strike(
    run: Run, cluster: Cluster, drill: Drill, aims: engine.Aims, said: Mapping[str, Json]
) -> Json:
    """The only step that harms. Runs to its end once, or not at all."""
    host = run.platform.host
    folder = sandbox_folder(run.platform.site, run.operation_id)
    scene = _scene(run, cluster, said["seed"], "run")
    trial = engine.Trial(scene, drill, lambda: run.is_cancel_requested)
    if await host.stat(str(folder / "begun")) is not None:
        struck = await host.read(str(folder / "struck"))
        if not (drill.outlives and struck):
            return {"interrupted": _ENDED}
        outcome = await trial.resume(struck)
    else:
        await host.make_folder(str(folder), mode=0o700)
        await host.write(str(folder / "begun"), b"", mode=0o600)
        outcome = await trial.run(aims, load=said["load"], seed=said["seed"])
    raw = drill_record.packed(outcome.noted.attempts, outcome.noted.reads, outcome.rows)
    async with run.platform.store.begin() as connection:
        await drills.keep(connection, run.operation_id, raw)
    told = drill_record.measured(
        drill,
        outcome.seen,
        _terms(cluster),
        attempts=outcome.noted.attempts,
        endpoints=ENDPOINTS,
    )
    told["raw_sha256"] = drill_record.digest(raw)
    return {**told, "cancelled": True} if run.is_cancel_requested else told


async def _undo(run: Run, cluster: Cluster, drill: Drill, aims: engine.Aims, seed: int) -> Json:
    """Whatever has become of the step before: this ends the fault, and does no harm twice."""
    await engine.undo(_scene(run, cluster, seed, "undo"), drill, aims)
    return None


async def _back(run: Run, cluster: Cluster) -> Json:
    """What is still missing after a while; empty when the cluster is whole."""
    missing = await whole_within(cluster, doors(run.platform, run.log), _BACK_WITHIN_S)
    if missing:
        run.log(f"{cluster.name} is not whole yet: {missing}", level="warning")
    return missing


async def _clear(run: Run, cluster: Cluster) -> Json:
    connect = await to_leader(cluster, doors(run.platform, run.log))
    async with connect(cluster.spec.databases[0].name) as connection:
        await ledger_table.drop_table(connection)
    await run.platform.host.remove(str(sandbox_folder(run.platform.site, run.operation_id)))
    return None


async def _record(
    run: Run,
    cluster: Cluster,
    drill: Drill,
    said: Mapping[str, Json],
    found: Mapping[str, Json],
    back: str,
) -> Json:
    told = {key: value for key, value in found.items() if key != "cancelled"}
    if "verdict" not in told:
        seen = Seen(**told)
        told = drill_record.measured(drill, seen, _terms(cluster), attempts=(), endpoints=())
    verdict, reasons = told.pop("verdict"), told.pop("reasons")
    proof = Evidence(
        id=evidence_id(run.operation_id),
        kind=drill.kind,
        database=cluster.name,
        at=run.platform.clock.now(),
        verdict=verdict,
        measured={"tier": cluster.tier.name, **said, "missing_at_end": back, **told},
        reasons=tuple(reasons),
    )
    async with run.platform.store.begin() as connection:
        await evidence.add(connection, proof, operation_id=run.operation_id, actor=run.actor)
    kept = ("checks", "gap_s", "phases", "acknowledged", "lost", "redundant_after_s", "new_leader")
    return {
        "evidence": proof.id,
        "drill": drill.id,
        "verdict": verdict,
        "reasons": reasons,
        **{name: told[name] for name in kept if name in told},
    }


def _scene(run: Run, cluster: Cluster, seed: int, part: str) -> Scene:
    return Scene(
        cluster=cluster,
        doors=doors(run.platform, run.log),
        mark=run.operation_id,
        folder=sandbox_folder(run.platform.site, run.operation_id),
        chance=chance(seed, part),
    )


def _terms(cluster: Cluster) -> Terms:
    return Terms(cluster.tier.rpo_s, cluster.tier.rto_s, len(cluster.nodes))
