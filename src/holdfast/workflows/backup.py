"""Take a backup, and keep the record of backups as the repository has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from holdfast.core.change import Json
from holdfast.core.errors import Error, Invalid
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.backup import listed, take
from holdfast.store import Store, backups
from holdfast.store.backups import Backup
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "backup"
FIELDS = ("kind",)
KINDS = ("full", "diff", "incr")


def check(request: Mapping[str, Json]) -> None:
    """`kind` says how much of what earlier backups hold is stored again."""
    if request.get("kind", "incr") not in KINDS:
        raise Invalid(
            f"there is no backup of the kind {request['kind']!r}",
            hint=f"choose one of {', '.join(KINDS)}",
        )


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: `label`, `kind`, `size_bytes`, `stored_bytes`, `took_s`."""
    cluster = await cluster_of(run)
    known = await run.step("see which backups there are", _labels, run, cluster)
    taken: dict[str, Json] = await run.step(
        "take the backup", _take, run, cluster, request.get("kind", "incr"), known
    )
    return taken


async def _labels(run: Run, cluster: Cluster) -> Json:
    return [each.label for each in await recorded(run.platform.store, cluster, doors(run.platform))]


async def _take(run: Run, cluster: Cluster, kind: str, known: Sequence[str]) -> Json:
    """Done over after an interruption, it finds the backup that was completed, if one was."""
    engine = doors(run.platform, run.log)
    store = run.platform.store
    fresh = [each for each in await recorded(store, cluster, engine) if each.label not in known]
    if not fresh:
        await take(cluster, engine, kind)
        present = await recorded(store, cluster, engine, operation_id=run.operation_id)
        fresh = [each for each in present if each.label not in known]
    newest = fresh[-1]
    assert newest.finished_at is not None
    if newest.state == "failed":
        # pgBackRest itself only warns, and a restore of it would bring the damage back.
        raise Error(
            f"backup {newest.label} of {cluster.name} holds pages with wrong checksums",
            subject=f"database {cluster.name}",
            hint="keep the backups before it, and look for the damaged pages in the log",
        )
    return {
        "label": newest.label,
        "kind": newest.kind,
        "size_bytes": newest.size_bytes,
        "stored_bytes": newest.stored_bytes,
        "took_s": (newest.finished_at - newest.started_at).total_seconds(),
    }


async def recorded(
    store: Store, cluster: Cluster, engine: Doors, *, operation_id: str | None = None
) -> list[Backup]:
    """The backups in the repository, oldest first; the record is brought in line with them.

    A backup that is recorded and not in the repository any more counts as expired.
    """
    present = [_backup(cluster.name, facts) for facts in await listed(cluster, engine)]
    labels = {each.label for each in present}
    async with store.begin() as connection:
        before = {each.label: each for each in await backups.of_database(connection, cluster.name)}
        for each in present:
            if each.label not in before:
                await backups.put(connection, replace(each, operation_id=operation_id))
        for old in before.values():
            if old.label not in labels and old.state != "expired":
                await backups.put(connection, replace(old, state="expired"))
    return present


def _backup(database: str, facts: Mapping[str, Json]) -> Backup:
    """What `pgbackrest info` tells of one backup."""
    moments = facts["timestamp"]
    sizes = facts["info"]
    stored = sizes.get("repository", {})
    return Backup(
        id=f"{database}/{facts['label']}",
        database=database,
        label=facts["label"],
        kind=facts["type"],
        state="failed" if facts.get("error") else "complete",
        started_at=datetime.fromtimestamp(moments["start"], UTC),
        finished_at=datetime.fromtimestamp(moments["stop"], UTC),
        size_bytes=sizes.get("size"),
        stored_bytes=stored.get("delta") or stored.get("size"),
        detail={
            "prior": facts.get("prior"),
            "wal_start": facts["archive"]["start"],
            "wal_stop": facts["archive"]["stop"],
            "lsn": facts.get("lsn"),
        },
    )
