"""A restore in place, and its way back: the data of a cluster are exchanged for a recovered copy.

The cluster serves its clients until the copy has reached its target. Then it is stopped with
everything in the archive, its data are kept beside, and it starts from the copy at the same
addresses. Undoing it does the same with the kept data.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Cancelled, Error
from holdfast.engines.postgresql import swap
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.perform.backup import take
from holdfast.engines.postgresql.perform.destroy import ordinals_of
from holdfast.engines.postgresql.perform.stop import see_archiving, stop_cluster
from holdfast.engines.postgresql.render_stage import archive_get, recovery_settings
from holdfast.engines.postgresql.stage import hand_over, shut_down
from holdfast.recovery.loss import sentence
from holdfast.recovery.target import Target, target_of
from holdfast.store import databases
from holdfast.workflows import apply, restoring
from holdfast.workflows.backup import recorded
from holdfast.workflows.planning import RESTORING, cluster_of, doors, planned_for
from holdfast.workflows.run import Run

_CATCH_UP_S = 60.0


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: `reached`, `loss`, `kept` (where the former data are), `backup` afterwards."""
    cluster = await cluster_of(run)
    back = request["mode"] == "undo"
    done: dict[str, Json] = {"name": cluster.name, "mode": request["mode"]}
    target = Target("latest") if back else target_of(request["target"])
    try:
        await run.step("make a stage", restoring.prepare, run, cluster, cluster)
        if back:
            found = await run.step("copy the kept data", _copy_kept, run, cluster)
            target = Target("latest", timeline=found["timeline"])
        else:
            await run.step(
                "look at the repository", restoring.see_repository, run, cluster, cluster
            )
            await run.step("bring the archive up to now", up_to_now, run, cluster)
            found = await run.step(
                "find the target", restoring.find, run, cluster, cluster, target,
                request.get("backup"),
            )  # fmt: skip
            await run.step(
                "restore the backup", restoring.restore, run, cluster, cluster, target, found
            )
        done["reached"] = await run.step(
            "recover up to the target", restoring.recover, run, cluster, cluster, target
        )
        done["access"] = await run.step("settle who gets in", _settle, run, cluster)
        closed = await run.step("shut the copy down", restoring.close, run, cluster, cluster)
        stopped = await run.step("see that the archive keeps up", _leader, run, cluster)
        await run.step("stop it, the leader last", _stop, run, cluster, stopped)
    except Error:
        # Nothing of the database has been touched.
        await run.step("clear the stage", restoring.clear, run, cluster, cluster, always=True)
        raise
    return await _exchange(run, cluster, target, found, closed, stopped, done)


async def _exchange(
    run: Run,
    cluster: Cluster,
    target: Target,
    found: Mapping[str, Json],
    closed: Mapping[str, Json],
    stopped: Mapping[str, Json],
    done: dict[str, Json],
) -> dict[str, Json]:
    """From here on nobody stops half-way: the database is down, and has to come up again."""
    await run.step("take its programs away", _unplug, run, cluster, always=True)
    try:
        kept = await run.step(
            "keep the present data", _keep, run, cluster, stopped, target, always=True
        )
    except Error:
        await run.step("give the present data back", _give_back, run, cluster, always=True)
        await _start(run, cluster)
        raise
    await run.step("hand the copy over", _hand_over, run, cluster, stopped, closed, always=True)
    await _start(run, cluster)
    backup = await run.step("take a backup of the new timeline", _backup, run, cluster, always=True)
    if not kept["read"]:
        kept["problem"] = await run.step("read the kept data", _read, run, cluster, always=True)
    loss = None
    if "label" in found:
        loss = await run.step("count what was lost", _loss, run, cluster, target, found,
                              always=True)  # fmt: skip
        run.log(sentence(loss) if loss else "what was lost cannot be counted")
    else:
        await run.step("let the data go that are in service again", _drop, run, cluster,
                       found["operation"], always=True)  # fmt: skip
    outcome = {**done, "kept": kept, "backup": backup, "loss": loss, "target": target.to_json(),
               "from_backup": found.get("label")}  # fmt: skip
    await run.step("clear the stage", restoring.clear, run, cluster, cluster, always=True)
    await run.step("keep the record", restoring.record, run, cluster.name, outcome, always=True)
    return outcome


async def discard(run: Run) -> dict[str, Json]:
    """Remove every kept state for good. Outcome: `discarded`, the operations that had kept one."""
    cluster = await cluster_of(run)
    gone: dict[str, Json] = await run.step("remove what is kept", _discard, run, cluster)
    return gone


async def _discard(run: Run, cluster: Cluster) -> Json:
    engine = doors(run.platform, run.log)
    found = await swap.kept(cluster, engine)
    for each in found:
        await swap.discard(each, engine)
        run.log(f"the data that {each.operation} had replaced are gone")
    return {"discarded": [each.operation for each in found]}


async def up_to_now(run: Run, cluster: Cluster) -> Json:
    """Have everything archived that was committed; one that is down is restored all the same."""
    engine = doors(run.platform, run.log)
    try:
        return await see_archiving(cluster, engine, deadline_s=_CATCH_UP_S)
    except Error as error:
        run.log(f"the archive may lack the newest commits: {error.message}", level="warning")
        return None


async def _settle(run: Run, cluster: Cluster) -> Json:
    return await restoring.settle(run, cluster, cluster, present=True)


async def _leader(run: Run, cluster: Cluster) -> Json:
    """Who leads, with everything in the archive. Without a leader all data are kept as they are."""
    engine = doors(run.platform, run.log)
    if await leader_node(cluster, engine) is None:
        run.log(f"nobody leads {cluster.name}: what is there is kept of every node",
                level="warning")  # fmt: skip
        return {"name": None, "ordinal": await _any_ordinal(cluster, run)}
    name = await see_archiving(cluster, engine)
    return {"name": name, "ordinal": int(name.rpartition("-")[2])}


async def _any_ordinal(cluster: Cluster, run: Run) -> int:
    for node in cluster.nodes:
        if await run.platform.host.stat(str(node.paths.data / "PG_VERSION")) is not None:
            return node.ordinal
    return cluster.nodes[0].ordinal


async def _stop(run: Run, cluster: Cluster, stopped: Mapping[str, Json]) -> Json:
    """Cleanly, where there is a leader: its last segment is in the archive afterwards."""
    if stopped["name"] is not None:
        engine = doors(run.platform, run.log)
        await stop_cluster(cluster, await ordinals_of(cluster, engine), stopped["name"], engine)


async def _unplug(run: Run, cluster: Cluster) -> Json:
    engine = doors(run.platform, run.log)
    async with run.platform.store.begin() as connection:
        await databases.set_phase(connection, cluster.name, RESTORING)
    await swap.unplug(cluster, sorted(await ordinals_of(cluster, engine)), engine)


async def _keep(run: Run, cluster: Cluster, stopped: Mapping[str, Json], target: Target) -> Json:
    """The safety copy: the very data, shut down cleanly, every page read while that is quick."""
    engine = doors(run.platform, run.log)
    ordinal, clean = stopped["ordinal"], stopped["name"] is not None
    data = cluster.site.node(cluster.name, ordinal).data
    folder = swap.kept_folder(cluster) / run.operation_id
    place = folder / str(ordinal)
    here = data if await engine.host.stat(str(place)) is None else place
    timeline, problem, read = None, "", False
    if clean:
        user, bindir = cluster.site.os_user, cluster.installation.bindir
        timeline = (await shut_down(here, bindir, user, engine.host)).timeline
        read = await swap.size_bytes(here, cluster, engine) <= swap.READ_BEFORE_BYTES
        problem = await swap.read_every_page(here, cluster, engine) if read else ""
        if problem:
            run.log(f"the present data are damaged: {problem}", level="warning")
    about = {
        "at": run.platform.clock.now().isoformat(),
        "clean": clean,
        "timeline": timeline,
        "replaced_by": str(target),
    }
    await swap.put_aside(
        cluster, sorted(await ordinals_of(cluster, engine)), ordinal, run.operation_id, about,
        engine,
    )  # fmt: skip
    return {"folder": str(folder), "clean": clean, "read": read, "problem": problem,
            "timeline": timeline}  # fmt: skip


async def _give_back(run: Run, cluster: Cluster) -> Json:
    await swap.give_back(cluster, run.operation_id, doors(run.platform, run.log))


async def _hand_over(
    run: Run, cluster: Cluster, stopped: Mapping[str, Json], closed: Mapping[str, Json]
) -> Json:
    engine = doors(run.platform, run.log)
    await swap.forget_state(cluster, closed["system"], engine)
    paths = cluster.site.node(cluster.name, stopped["ordinal"])
    await hand_over(restoring.stage(cluster, cluster), paths.data, engine)


async def _start(run: Run, cluster: Cluster) -> None:
    """The ordinary road: everything is as the document says afterwards, and takes writes."""
    wanted = await run.step("see what is left to do", _wanted, run, cluster, always=True)
    try:
        await apply.carry_out(run, cluster, wanted["changes"], unseen=wanted["unseen"])
    except Cancelled:
        # A database that is down is no place to stop; the word has been heard, and comes up again.
        wanted = await run.step("see what is left to do", _wanted, run, cluster, always=True)
        await apply.carry_out(run, cluster, wanted["changes"], unseen=wanted["unseen"])


async def _wanted(run: Run, cluster: Cluster) -> Json:
    fresh = await planned_for(run.platform, cluster)
    return {
        "changes": [change.to_json() for change in fresh.plan.changes],
        "unseen": bool(fresh.observed.unseen),
    }


async def _backup(run: Run, cluster: Cluster) -> Json:
    """A chain of the new timeline: restores to points in it need none of the former one."""
    engine = doors(run.platform, run.log)
    taken = await take(cluster, engine, "full")
    await recorded(run.platform.store, cluster, engine, operation_id=run.operation_id)
    return taken["label"]


async def _read(run: Run, cluster: Cluster) -> Json:
    engine = doors(run.platform, run.log)
    each = await swap.newest_kept(cluster, engine)
    return await swap.read_every_page(each.data, cluster, engine)


async def _loss(run: Run, cluster: Cluster, target: Target, found: Mapping[str, Json]) -> Json:
    return await restoring.tally(run, cluster, cluster, target, found)


async def _copy_kept(run: Run, cluster: Cluster) -> Json:
    """The kept data, made ready to end on their own timeline and to begin a new one."""
    engine = doors(run.platform, run.log)
    each = await swap.newest_kept(cluster, engine)
    box = restoring.stage(cluster, cluster)
    await swap.copy(each, cluster, box.data, engine)
    timeline = await swap.timeline_of(each.data, cluster, engine)
    owner = cluster.site.os_user
    text = recovery_settings(timeline, archive_get(box))
    await engine.host.write(
        str(box.data / "postgresql.auto.conf"), text.encode(), mode=0o600, owner=owner
    )
    await engine.host.write(str(box.data / "recovery.signal"), b"", mode=0o600, owner=owner)
    run.log(f"the data that {each.operation} has kept, of timeline {timeline}, come back")
    return {"timeline": timeline, "operation": each.operation}


async def _drop(run: Run, cluster: Cluster, operation: str) -> Json:
    engine = doors(run.platform, run.log)
    for each in await swap.kept(cluster, engine):
        if each.operation == operation:
            await swap.discard(each, engine)
