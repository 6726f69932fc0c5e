"""The steps of a verification that happen in its sandbox. Each gives JSON, and may be done over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict

from holdfast.core.change import Json
from holdfast.core.errors import Error, NotFound
from holdfast.core.layout import FIRST_SANDBOX_HOST, LAST_SANDBOX_HOST
from holdfast.engines.postgresql import markers, sandbox_meaning, sandbox_probe, witness
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql import stored as repositories
from holdfast.engines.postgresql.cluster import READER, Cluster
from holdfast.engines.postgresql.render_sandbox import Sandbox, backup_file
from holdfast.engines.postgresql.sandbox_process import confinement
from holdfast.engines.postgresql.witness import Witness
from holdfast.recovery.positions import distance_bytes
from holdfast.recovery.restore_test import Step
from holdfast.store import nodes, operations
from holdfast.workflows.meter import Meter, watched
from holdfast.workflows.planning import doors
from holdfast.workflows.run import Run

_WAL_ROOM_BYTES = 512 * 2**20
"""What the replay of WAL may need beside the data."""
_GROWTH = 1.1


def _meter(run: Run, what: str) -> Meter:
    return Meter(run.progress, run.platform.clock, what)


async def sweep(run: Run) -> Json:
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


async def make(
    run: Run, cluster: Cluster, sandbox: Sandbox, backup: Mapping[str, Json], restores: bool
) -> Json:
    """Make it, and say what confines it. Raises `Refused` when the copy would not fit."""
    platform = run.platform
    candidates = [
        platform.site.address(host) for host in range(FIRST_SANDBOX_HOST, LAST_SANDBOX_HOST + 1)
    ]
    async with platform.store.begin() as connection:
        await nodes.allocate_sandbox(connection, run.operation_id, candidates)
    text = await doors(platform).fill(backup_file(cluster, sandbox), make=False)
    if text is None:
        raise Error(f"the passphrase of {cluster.name}'s repository is lost")
    await boxes.make(sandbox, platform.host, backup_file=text)
    if restores:
        needed = round(backup["size_bytes"] * _GROWTH) + _WAL_ROOM_BYTES
        await boxes.refuse_without_space(sandbox, platform.host, needed_bytes=needed)
    return await confinement(sandbox, platform.host)


async def destroy(run: Run, sandbox: Sandbox) -> Json:
    """End and remove everything of it."""
    await boxes.destroy(sandbox, run.platform.host, run.platform.clock)
    async with run.platform.store.begin() as connection:
        await nodes.release_sandbox(connection, run.operation_id)
    return None


# -- layers 1 to 5 -----------------------------------------------------------------------------


async def restore(
    run: Run, sandbox: Sandbox, backup: Mapping[str, Json], marked: Mapping[str, Json]
) -> Json:
    """Restore to the source's restore point; to the archive's end when there is none."""
    told = Witness.from_json(marked)
    # A point that did not reach the archive cannot be restored to.
    point = "" if told.problem else told.point
    step = await _restored(run, sandbox, backup, told.timeline, "name", point)
    return {**asdict(step), "boot": await boxes.boot(run.platform.host)}


async def _restored(
    run: Run, sandbox: Sandbox, backup: Mapping[str, Json], timeline: int, way: str, point: str
) -> Step:
    host, clock = run.platform.host, run.platform.clock

    async def look() -> tuple[float, float]:
        return await boxes.restored_bytes(sandbox, host), backup["size_bytes"]

    return await watched(
        boxes.restore(
            sandbox,
            host,
            clock,
            label=backup["label"],
            point=point,
            timeline=timeline,
            way=way,
            over=way != "name",
        ),
        look,
        _meter(run, "restored"),
    )


async def files(run: Run, sandbox: Sandbox, backup: Mapping[str, Json]) -> Json:
    """Every restored file against the manifest."""
    host, clock = run.platform.host, run.platform.clock
    try:
        told = await repositories.fetch(
            sandbox, host, backup["label"], repository=backup["repository"]
        )
        if told.label != backup["label"]:
            raise ValueError(f"backup {told.label} stands in the place of {backup['label']}")
    except ValueError as error:
        return {**asdict(Step(False, 0.0, str(error))), "count": 0, "bytes": 0, "not_looked_at": []}
    return await sandbox_probe.files(sandbox, host, clock, told, _meter(run, "hashed").at)


async def start(
    run: Run,
    sandbox: Sandbox,
    backup: Mapping[str, Json],
    restored: Mapping[str, Json],
    marked: Mapping[str, Json],
) -> Json:
    """Start the copy; `exact` are the databases that hold the source's snapshot and no more."""
    host = run.platform.host
    if await boxes.boot(host) != restored["boot"]:
        spoilt = Step(None, 0.0, "the machine was started anew during the test")
        return {**asdict(spoilt), "reached": asdict(boxes.Reached()), "branch": 0, "exact": []}
    total = distance_bytes(backup["lsn"], marked["lsn"]) or 0

    async def look() -> tuple[float, float]:
        return distance_bytes(backup["lsn"], await boxes.replayed(sandbox, host)) or 0, total

    step, reached = await watched(
        boxes.start(sandbox, host, run.platform.clock), look, _meter(run, "of WAL replayed")
    )
    exact: tuple[str, ...] = ()
    if step.ok:
        exact = await witness.exact(
            Witness.from_json(marked), lambda database: boxes.connected(sandbox, database)
        )
    branch = await boxes.branch(sandbox, host) if step.ok else 0
    return {**asdict(step), "reached": asdict(reached), "branch": branch, "exact": list(exact)}


async def structure(run: Run, cluster: Cluster, sandbox: Sandbox) -> Json:
    """`structure`, pg_amcheck with what it does not check, and `dump` of everything to nowhere.

    Both at the same time: each of them waits for one table or index after the other.
    """
    host, clock = run.platform.host, run.platform.clock
    surveyed: Mapping[str, Json] = {}

    async def look() -> tuple[float, float]:
        return await sandbox_probe.checked_bytes(sandbox, host)

    async def both() -> tuple[Step, Step]:
        return await asyncio.gather(
            sandbox_probe.structure(sandbox, host, clock, version=cluster.version),
            sandbox_probe.dump(sandbox, host, clock),
        )

    step, dumped = await watched(both(), look, _meter(run, "checked"))
    if step.ok:
        surveyed = await sandbox_probe.surveyed(sandbox)
    return {"structure": {**asdict(step), **surveyed}, "dump": asdict(dumped)}


async def canaries(run: Run, cluster: Cluster, sandbox: Sandbox) -> Json:
    """The owner's queries."""
    begun = run.platform.clock.monotonic()
    try:
        found = await sandbox_meaning.canaries(
            lambda database: boxes.connected(sandbox, database, user=READER),
            cluster.spec.canaries,
            cluster.spec.databases[0].name,
        )
    except Error as error:
        found = {"asked": [], "why_not": error.message}
    return {**found, "spent_s": run.platform.clock.monotonic() - begun}


async def foreign_keys(run: Run, sandbox: Sandbox) -> Json:
    """Every foreign key, checked anew."""
    begun = run.platform.clock.monotonic()
    try:
        found = await sandbox_meaning.foreign_keys(
            lambda database: boxes.connected(sandbox, database, user=READER)
        )
    except Error as error:
        found = {"count": 0, "violated": [], "open": [error.message], "not_looked_at": []}
    return {**found, "spent_s": run.platform.clock.monotonic() - begun}


async def checksums(run: Run, sandbox: Sandbox) -> Json:
    """Every page of the stopped copy."""
    return asdict(await sandbox_probe.checksums(sandbox, run.platform.host, run.platform.clock))


# -- layer 6 -----------------------------------------------------------------------------------


async def marked(
    run: Run, sandbox: Sandbox, told: Mapping[str, Json], backup: Mapping[str, Json]
) -> Json:
    """What the running copy holds of the two rows, and where it branched."""
    source = Witness.from_json(told)
    begun = run.platform.clock.monotonic()
    if source.problem:
        return {**asdict(Step(None, 0.0, source.problem)), "before": False, "after": False}
    before, after = await markers.held(
        lambda database: boxes.connected(sandbox, database), source.point
    )
    return {
        **asdict(Step(True, run.platform.clock.monotonic() - begun)),
        "before": before,
        "after": after,
        "branch": await boxes.branch(sandbox, run.platform.host),
        "timeline": source.timeline,
        "crossed": source.timeline - int(backup["wal_start"][:8] or "0", 16),
    }


async def restored_by(
    run: Run,
    sandbox: Sandbox,
    way: str,
    backup: Mapping[str, Json],
    told: Mapping[str, Json],
) -> Json:
    """Restore a copy by position or time, start it, look at the rows, stop it."""
    source = Witness.from_json(told)
    rows = source.markers
    if source.problem or rows is None:
        why = source.problem or "no rows were placed"
        return {**asdict(Step(None, 0.0, why)), "before": False, "after": False}
    host, clock = run.platform.host, run.platform.clock
    begun = clock.monotonic()
    point = source.lsn if way == "lsn" else rows.at
    step = await _restored(run, sandbox, backup, source.timeline, way, point)
    if step.ok:
        step, _ = await boxes.start(sandbox, host, clock)
    if not step.ok:
        return {**asdict(step), "before": False, "after": False}
    found: dict[str, Json] = await marked(run, sandbox, told, backup)
    await boxes.stop(sandbox, host)
    return {**found, "spent_s": clock.monotonic() - begun}
