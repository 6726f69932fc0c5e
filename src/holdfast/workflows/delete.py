"""Delete a database: retain its backups, proven by a restore first, or purge everything.

Where the data are retained, the leader is shut down last and cleanly: the archive then holds
everything that was ever acknowledged, also what was written after the final backup.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Error, Invalid
from holdfast.engines.postgresql.cluster import Cluster, repository_key
from holdfast.engines.postgresql.perform.backup import take
from holdfast.engines.postgresql.perform.destroy import (
    destroy_backups,
    destroy_cluster,
    ordinals_of,
    read_repository,
)
from holdfast.engines.postgresql.perform.stop import see_archiving, stop_cluster
from holdfast.recovery import final_backup, layers
from holdfast.store import alarms, backups, databases, nodes, secrets
from holdfast.workflows import verify
from holdfast.workflows.planning import DELETING, RETAINED, RETAINING, cluster_of, doors
from holdfast.workflows.run import Run

KIND = "delete"
FIELDS = ("mode",)
MODES = ("retain-data", "purge")
_ATTEMPTS = 5
"""How often the final backup is verified, each time after its control plane was killed in it."""


def check(request: Mapping[str, Json]) -> None:
    """A request says what becomes of the data: `mode` is `retain-data` or `purge`."""
    if request.get("mode") not in MODES:
        raise Invalid(
            f"delete got mode {request.get('mode')!r}", hint=f"choose one of {', '.join(MODES)}"
        )


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: `mode`, and the label of the final backup where the data are retained."""
    cluster = await cluster_of(run)
    label = None
    retains = request["mode"] == "retain-data"
    if retains and not await run.step("see what an earlier attempt has proven", _is_proven, run):
        label = await run.step("take a final backup", _final_backup, run, cluster)
        await run.step("read every file of the backups", _read_back, run, cluster, label)
        await _restored(run, cluster, label)
        leader = await run.step("see that the archive keeps up", _see_archiving, run, cluster)
        await run.step("stop it, the leader last", _stop, run, cluster, leader)
    # Stopped and proven is past the point where somebody may still say no.
    phase = RETAINING if retains else DELETING
    await run.step("mark it as being deleted", _phase, run, phase, always=retains)
    await run.step("stop and remove every node", _destroy, run, cluster, always=retains)
    if request["mode"] == "purge":
        await run.step("remove the backups", _purge, run, cluster)
    await run.step("forget it", _forget, run, cluster, request["mode"], always=retains)
    return {"mode": request["mode"], "final_backup": label}


async def _is_proven(run: Run) -> Json:
    """Whether a deletion that kept the data broke off after all was proven and nodes were gone."""
    async with run.platform.store.begin() as connection:
        return (await databases.get(connection, run.database or "")).phase == RETAINING


async def _final_backup(run: Run, cluster: Cluster) -> Json:
    taken = await take(cluster, doors(run.platform, run.log), "full")
    if taken.get("error"):
        raise Error(
            f"the final backup {taken['label']} of {cluster.name} holds damaged pages",
            subject=f"database {cluster.name}",
            hint="nothing was deleted; the backups before it may be sound",
        )
    return taken["label"]


async def _read_back(run: Run, cluster: Cluster, label: str) -> Json:
    await read_repository(cluster, label, doors(run.platform, run.log))


async def _restored(run: Run, cluster: Cluster, label: str) -> None:
    """Prove the final backup by a restore of it. Raises `Error` where it does not restore."""
    numbers = final_backup.asked(layers.chosen(cluster.tier.proofs.layers))
    attempt = 1
    while True:
        outcome = await verify.verification(run, cluster, numbers, backup=label, attempt=attempt)
        if not outcome["interrupted"] or attempt == _ATTEMPTS:
            break
        attempt += 1
    if objections := final_backup.objections(outcome):
        raise Error(
            f"the final backup of {cluster.name} is not proven to restore: {'; '.join(objections)}",
            subject=f"database {cluster.name}",
            hint="nothing was deleted; see what the restore test found, then try again",
        )


async def _see_archiving(run: Run, cluster: Cluster) -> Json:
    return await see_archiving(cluster, doors(run.platform, run.log))


async def _stop(run: Run, cluster: Cluster, leader: str) -> Json:
    engine = doors(run.platform, run.log)
    await stop_cluster(cluster, await ordinals_of(cluster, engine), leader, engine)


async def _phase(run: Run, phase: str) -> Json:
    async with run.platform.store.begin() as connection:
        await databases.set_phase(connection, run.database or "", phase)


async def _destroy(run: Run, cluster: Cluster) -> Json:
    await destroy_cluster(cluster, doors(run.platform, run.log))


async def _purge(run: Run, cluster: Cluster) -> Json:
    await destroy_backups(cluster, doors(run.platform, run.log))


async def _forget(run: Run, cluster: Cluster, mode: str) -> Json:
    """Give the addresses back; with retained data the repository's key stays too."""
    async with run.platform.store.begin() as connection:
        await alarms.forget(connection, cluster.name)
        if mode == "retain-data":
            await nodes.release_all(connection, cluster.name)
            for reference in await secrets.refs(connection, f"{cluster.name}/"):
                if reference != repository_key(cluster.name):
                    await secrets.remove(connection, reference)
            await databases.set_phase(connection, cluster.name, RETAINED)
            return
        await secrets.remove(connection, f"{cluster.name}/")
        await backups.remove_all(connection, cluster.name)
        await databases.remove(connection, cluster.name)
