"""A restore as a new database: the source is only read, and the new one is declared like any other.

The copy is renamed, gets passwords of its own, and archives into a repository of its own from the
first segment on that it writes as a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error
from holdfast.core.layout import NodePaths
from holdfast.engines.postgresql import swap
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.stage import hand_over
from holdfast.engines.postgresql.stage_masking import mask
from holdfast.recovery.masking import masking_of
from holdfast.recovery.target import Target, target_of
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import databases, nodes, secrets
from holdfast.workflows import apply, restoring
from holdfast.workflows.planning import (
    RESTORING,
    RETAINED,
    allocate,
    cluster_at,
    doors,
    planned_for,
    stored_cluster,
)
from holdfast.workflows.restoring_in_place import up_to_now
from holdfast.workflows.run import Run


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: `source`, `backup`, `reached`, `access`, and what an apply tells."""
    target = target_of(request["target"])
    resolved = ResolvedDatabase.from_json(request["document"])
    place = await run.step("give it its place", _place, run, resolved)
    cluster = cluster_at(run.platform, resolved, _addresses(place))
    source = await _source(run, request["source"])
    done: dict[str, Json] = {"source": source.name, "name": cluster.name}
    try:
        await run.step("make a stage", restoring.prepare, run, cluster, source)
        await run.step("look at the repository", restoring.see_repository, run, cluster, source)
        await run.step("bring the archive up to now", _up_to_now, run, source)
        if request.get("copy"):
            done["copied"] = await run.step(
                "copy the running server", restoring.copy, run, cluster, source
            )
        else:
            done["backup"] = await _restored(run, cluster, source, target, request.get("backup"))
        done["reached"] = await run.step(
            "recover up to the target", restoring.recover, run, cluster, source, target
        )
        done["access"] = await run.step("settle who gets in", _settle, run, cluster, source)
        if request.get("mask"):
            done["masked"] = await run.step("mask", _mask, run, cluster, source, request["mask"])
        closed = await run.step("shut the copy down", restoring.close, run, cluster, source)
    except Error:
        await run.step("clear the stage", restoring.clear, run, cluster, source, always=True)
        await run.step("give its place back", _forget, run, cluster, always=True)
        raise
    done["target"] = target.to_json()
    await run.step("hand the data over", _hand_over, run, cluster, source, closed, always=True)
    return await _begin(run, cluster, source, done)


async def _restored(
    run: Run, cluster: Cluster, source: Cluster, target: Target, wanted: str | None
) -> Json:
    """Have the best backup restored; gives its label."""
    found = await run.step("find the target", restoring.find, run, cluster, source, target, wanted)
    await run.step("restore the backup", restoring.restore, run, cluster, source, target, found)
    return found["label"]


async def _begin(
    run: Run, cluster: Cluster, source: Cluster, done: dict[str, Json]
) -> dict[str, Json]:
    """From data in place to a database that is ready: an apply like every other."""
    wanted = await run.step("see what is left to do", _wanted, run, cluster, always=True)
    applied = await apply.carry_out(run, cluster, wanted, unseen=False)
    await run.step("clear the stage", restoring.clear, run, cluster, source, always=True)
    outcome = {**done, **applied}
    await run.step("keep the record", restoring.record, run, cluster.name, outcome, always=True)
    return outcome


async def _place(run: Run, resolved: ResolvedDatabase) -> Json:
    """A name that nobody has, and addresses. Done over, it finds its own."""
    async with run.platform.store.begin() as connection:
        present = await databases.find(connection, resolved.name)
        if present is not None and present.phase != RESTORING:
            raise Conflict(
                f"there is a database {resolved.name} already",
                subject=f"database {resolved.name}",
                hint="choose another name with --as",
            )
        await databases.put(connection, resolved.name, resolved.to_json(), phase=RESTORING)
        addresses = await allocate(connection, run.platform, resolved)
    return {str(ordinal): address for ordinal, address in addresses.items()}


def _addresses(place: Mapping[str, Json]) -> dict[int, str]:
    return {int(ordinal): address for ordinal, address in place.items()}


async def _source(run: Run, name: str) -> Cluster:
    record = await run.step("look the source up", _source_record, run, name)
    return cluster_at(
        run.platform,
        ResolvedDatabase.from_json(record["document"]),
        _addresses(record["addresses"]),
    )


async def _source_record(run: Run, name: str) -> Json:
    """The source as it was applied last; of a deleted one, its repository is what is left."""
    found = await stored_cluster(run.platform, name)
    addresses = {str(node.ordinal): node.address for node in found.nodes}
    async with run.platform.store.begin() as connection:
        phase = (await databases.get(connection, name)).phase
    run.log(f"{name} is {phase}" if phase != RETAINED else f"{name} is deleted, its backups remain")
    return {"document": found.resolved.to_json(), "addresses": addresses}


async def _up_to_now(run: Run, source: Cluster) -> Json:
    return await up_to_now(run, source)


async def _settle(run: Run, cluster: Cluster, source: Cluster) -> Json:
    return await restoring.settle(run, cluster, source, present=False)


async def _mask(run: Run, cluster: Cluster, source: Cluster, rules: Mapping[str, Json]) -> Json:
    engine = doors(run.platform, run.log)
    return await mask(
        restoring.stage(cluster, source), cluster, masking_of(rules), engine, run.progress
    )


async def _forget(run: Run, cluster: Cluster) -> Json:
    """Leave nothing of a database that never came to be."""
    await run.platform.host.remove(str(cluster.site.cluster(cluster.name)))
    async with run.platform.store.begin() as connection:
        await nodes.release_all(connection, cluster.name)
        await secrets.remove(connection, f"{cluster.name}/")
        await databases.remove(connection, cluster.name)


async def _hand_over(
    run: Run, cluster: Cluster, source: Cluster, closed: Mapping[str, Json]
) -> Json:
    engine = doors(run.platform, run.log)
    first: NodePaths = cluster.nodes[0].paths
    await engine.host.make_folder(str(first.root), mode=0o750, owner=cluster.site.os_user)
    await swap.claim(cluster, closed["system"], engine)
    await hand_over(restoring.stage(cluster, source), first.data, engine)


async def _wanted(run: Run, cluster: Cluster) -> Json:
    fresh = await planned_for(run.platform, cluster)
    return [change.to_json() for change in fresh.plan.changes]
