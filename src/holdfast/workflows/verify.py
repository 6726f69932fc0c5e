"""Prove that the newest backup restores: into a sandbox, up to a point that the source marked.

The sandbox is destroyed whatever happens; what a control plane that died for good left behind is
found and removed by the next test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict

from holdfast.core.change import Json
from holdfast.core.errors import Cancelled, Error, NotFound
from holdfast.core.layout import FIRST_SANDBOX_HOST, LAST_SANDBOX_HOST
from holdfast.core.promise import Evidence
from holdfast.engines.postgresql import counts, sandbox_probe, witness
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.cluster import POSTGRES, READER, Cluster
from holdfast.engines.postgresql.counts import Connect
from holdfast.engines.postgresql.doors import Connection, Doors
from holdfast.engines.postgresql.kill_primary import leader_of
from holdfast.engines.postgresql.render_sandbox import Sandbox, backup_file, sandbox_of
from holdfast.engines.postgresql.witness import Witness
from holdfast.recovery import restore_test
from holdfast.recovery.comparison import Count
from holdfast.recovery.restore_record import measured_of, seen_of
from holdfast.recovery.restore_test import Step
from holdfast.store import evidence, nodes, operations
from holdfast.workflows.backup import recorded
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "verify"
_SOURCE_WITHIN_S = 40.0


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: verdict, reasons, the measured figures, and the id of the evidence."""
    cluster = await cluster_of(run)
    sandbox = sandbox_of(cluster, run.operation_id)
    await run.step("clear what earlier tests left", _sweep, run)
    seen: dict[str, Json] = {}
    problem: Error | None = None
    try:
        await _test(run, cluster, sandbox, seen)
    except Error as error:
        problem = error
    await run.step("destroy the sandbox", _destroy, run, sandbox, always=True)
    if isinstance(problem, Cancelled):
        raise problem  # nobody wanted to know: what was proven before stands
    said = problem.message if problem else ""
    outcome: dict[str, Json] = await run.step(
        "judge and record", _record, run, cluster, seen, said, always=True
    )
    if problem is not None:
        raise problem
    return outcome


async def _test(run: Run, cluster: Cluster, sandbox: Sandbox, seen: dict[str, Json]) -> None:
    """Fill `seen`, as far as the backup lets us come; `recovery.restore_record` reads it."""
    seen["backup"] = await run.step("choose the backup", _choose, run, cluster)
    if seen["backup"] is None:
        return
    seen["witness"] = await run.step("count the source and mark it", _witness, run, cluster)
    seen["restore"] = await run.step("restore the backup", _restore, run, cluster, sandbox, seen)
    if not seen["restore"]["ok"]:
        return
    seen["start"] = await run.step("start the copy", _start, run, sandbox, seen["restore"])
    if not seen["start"]["ok"]:
        return
    seen["structure"] = await run.step("check tables and indexes", _structure, run, sandbox)
    seen["compared"] = await run.step(
        "compare it with the source", _compare, run, cluster, sandbox, seen["witness"]
    )
    seen["checksums"] = await run.step("check every page", _checksums, run, sandbox)


async def _sweep(run: Run) -> Json:
    """Destroy the sandboxes of operations that have ended; how many there were."""
    platform, removed = run.platform, 0
    async with platform.store.begin() as connection:
        owners = set(await nodes.sandboxes(connection))
    owners |= set(await platform.host.list(str(platform.site.sandboxes)))
    for owner in sorted(owners - {run.operation_id}):
        if await _is_under_way(run, owner):
            continue
        folder = platform.site.sandboxes / owner
        left = Sandbox(folder, "", "", "", platform.site.os_user)
        await boxes.destroy(left, platform.host, platform.clock)
        async with platform.store.begin() as connection:
            await nodes.release_sandbox(connection, owner)
        run.log(f"removed what operation {owner} had left behind")
        removed += 1
    return removed


async def _is_under_way(run: Run, owner: str) -> bool:
    try:
        async with run.platform.store.begin() as connection:
            return not (await operations.get(connection, owner)).is_finished
    except NotFound:
        return False


async def _choose(run: Run, cluster: Cluster) -> Json:
    present = await recorded(run.platform.store, cluster, doors(run.platform, run.log))
    if not present:
        return None
    newest = present[-1]
    lsn = newest.detail.get("lsn") or {}
    return {
        "label": newest.label,
        "kind": newest.kind,
        "size_bytes": newest.size_bytes or 0,
        "lsn": lsn.get("start", ""),
    }


async def _witness(run: Run, cluster: Cluster) -> Json:
    found = await _asked(run, cluster)
    if found.problem:
        run.log(found.problem, level="warning")
    return found.to_json()


async def _asked(run: Run, cluster: Cluster) -> Witness:
    """What the source holds; a failover is waited for, and a source that stays away is no end."""
    clock = run.platform.clock
    end = clock.monotonic() + _SOURCE_WITHIN_S
    while True:
        try:
            return await _marked(run, cluster)
        except Error as error:
            if clock.monotonic() > end:
                # Its backup has to restore all the more; only the comparison stays open.
                return Witness(problem=f"the source cannot be asked: {error.message}")
        await clock.sleep(1.0)


async def _marked(run: Run, cluster: Cluster) -> Witness:
    """One try, with a restore point of its own: recovery stops at the first one of a name."""
    clock = run.platform.clock
    point = f"holdfast_{run.operation_id}_{clock.now():%Y%m%dT%H%M%S%f}"
    engine = doors(run.platform, run.log)
    return await witness.witness(
        _source(cluster, engine, POSTGRES), _source(cluster, engine, READER), clock, point=point
    )


def _source(cluster: Cluster, engine: Doors, user: str) -> Connect:
    """Connections to whoever leads at the time."""

    @asynccontextmanager
    async def connect(database: str) -> AsyncIterator[Connection]:
        leader = await leader_of(cluster, engine)
        async with engine.connect(leader, database, user=user) as connection:
            # Counting a large table may take long, and is stopped by the operation's own end.
            await connection.execute("set statement_timeout = '30min'")
            yield connection

    return connect


async def _restore(run: Run, cluster: Cluster, sandbox: Sandbox, seen: Mapping[str, Json]) -> Json:
    platform = run.platform
    candidates = [
        platform.site.address(host) for host in range(FIRST_SANDBOX_HOST, LAST_SANDBOX_HOST + 1)
    ]
    async with platform.store.begin() as connection:
        await nodes.allocate_sandbox(connection, run.operation_id, candidates)
    text = await doors(platform).fill(backup_file(cluster, sandbox), make=False)
    if text is None:
        return asdict(Step(False, 0.0, "the repository's passphrase is lost"))
    marked = Witness.from_json(seen["witness"])
    await boxes.make(sandbox, platform.host, backup_file=text)
    step = await boxes.restore(
        sandbox,
        platform.host,
        platform.clock,
        label=seen["backup"]["label"],
        # A point that did not reach the archive cannot be restored to.
        point="" if marked.problem else marked.point,
        timeline=marked.timeline,
    )
    return {**asdict(step), "boot": await boxes.boot(platform.host)}


async def _start(run: Run, sandbox: Sandbox, restored: Mapping[str, Json]) -> Json:
    if await boxes.boot(run.platform.host) != restored["boot"]:
        spoilt = Step(None, 0.0, "the machine was started anew during the test")
        return {**asdict(spoilt), "reached": asdict(boxes.Reached())}
    step, reached = await boxes.start(sandbox, run.platform.host, run.platform.clock)
    return {**asdict(step), "reached": asdict(reached)}


async def _structure(run: Run, sandbox: Sandbox) -> Json:
    return asdict(await sandbox_probe.structure(sandbox, run.platform.host, run.platform.clock))


async def _checksums(run: Run, sandbox: Sandbox) -> Json:
    return asdict(await sandbox_probe.checksums(sandbox, run.platform.host, run.platform.clock))


async def _compare(
    run: Run, cluster: Cluster, sandbox: Sandbox, marked: Mapping[str, Json]
) -> Json:
    source = Witness.from_json(marked)
    if source.problem:
        return {"why_not": source.problem, "spent_s": 0.0}
    clock = run.platform.clock
    begun = clock.monotonic()
    engine = doors(run.platform, run.log)
    try:
        copy: Mapping[str, Count] = await counts.count(
            lambda database: boxes.connected(sandbox, database, user=READER)
        )
        reading = _source(cluster, engine, READER)
        found = await witness.compare(source.tables, copy, reading, clock)
    except Error as error:
        return {"why_not": error.message, "spent_s": clock.monotonic() - begun}
    return {**asdict(found), "spent_s": clock.monotonic() - begun}


async def _destroy(run: Run, sandbox: Sandbox) -> Json:
    await boxes.destroy(sandbox, run.platform.host, run.platform.clock)
    async with run.platform.store.begin() as connection:
        await nodes.release_sandbox(connection, run.operation_id)
    return None


async def _record(run: Run, cluster: Cluster, told: Mapping[str, Json], problem: str) -> Json:
    seen = seen_of(told)
    judged = restore_test.verdict(seen)
    reasons = [*judged.reasons, *([f"the test ended early: {problem}"] if problem else [])]
    measured = {**measured_of(told, seen), "tier": cluster.tier.name}
    proof = Evidence(
        id=f"{run.operation_id}-restore-test",
        kind=restore_test.KIND,
        database=cluster.name,
        at=run.platform.clock.now(),
        verdict=judged.verdict,
        measured=measured,
        reasons=tuple(reasons),
    )
    async with run.platform.store.begin() as connection:
        await evidence.add(connection, proof, operation_id=run.operation_id)
    kept = ("checks", "backup", "size_bytes", "wal_bytes", "restore_s", "start_s", "tables", "rows")
    return {
        "evidence": proof.id,
        "verdict": str(judged.verdict),
        "reasons": reasons,
        **{name: measured[name] for name in kept if name in measured},
    }
