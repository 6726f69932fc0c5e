"""Take a backup, and keep the record of backups as the repository has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from holdfast.core.change import Json
from holdfast.core.errors import Error, Invalid
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.backup import damaged, expire, listed, take
from holdfast.engines.postgresql.render_backup import repositories
from holdfast.recovery.retention import Held, chain, expendable
from holdfast.store import Store, backups, evidence
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
    """Outcome: `label`, `kind`, `size_bytes`, `stored_bytes`, `took_s`, `expired`."""
    cluster = await cluster_of(run)
    known = await run.step("see which backups there are", _labels, run, cluster)
    kind = request.get("kind", "incr")
    taken: dict[str, Json] = {}
    for number in repositories(cluster):
        where = "" if number == 1 else " for the second repository"
        one = await run.step(f"take the backup{where}", _take, run, cluster, kind, known, number)
        if one["damaged"]:
            await run.step("take it out again", _withdraw, run, cluster, one["label"], always=True)
            raise _damage(cluster, one["label"], one["damaged"])
        taken = taken or one
        if number != 1:
            taken = {**taken, "second": one["label"]}
    expired = await run.step("let old backups go", let_go, run, cluster)
    return {**taken, "expired": expired}


async def _labels(run: Run, cluster: Cluster) -> Json:
    return [each.label for each in await recorded(run.platform.store, cluster, doors(run.platform))]


async def _take(
    run: Run, cluster: Cluster, kind: str, known: Sequence[str], repository: int
) -> Json:
    """Done over after an interruption, it finds the backup that was completed, if one was."""
    engine = doors(run.platform, run.log)
    store = run.platform.store
    fresh = _fresh(await recorded(store, cluster, engine), known, repository)
    if not fresh:
        kind = await _possible(run, cluster, kind, repository)
        await take(cluster, engine, kind, run.progress, repository=repository)
        present = await recorded(store, cluster, engine, operation_id=run.operation_id)
        fresh = _fresh(present, known, repository)
    newest = fresh[-1]
    assert newest.finished_at is not None
    # pgBackRest itself only warns, and a restore of it would bring the damage back.
    wrong = await damaged(cluster, engine, newest.label) if newest.state == "failed" else []
    return {
        "damaged": wrong or (["a file that it does not name"] if newest.state == "failed" else []),
        "label": newest.label,
        "kind": newest.kind,
        "size_bytes": newest.size_bytes,
        "stored_bytes": newest.stored_bytes,
        "took_s": (newest.finished_at - newest.started_at).total_seconds(),
    }


async def _possible(run: Run, cluster: Cluster, kind: str, repository: int) -> str:
    """The type that pgBackRest can take: behind a full one that was withdrawn, a full one again.

    Its labels have to grow, and one that begins with an older full backup's would not.
    """
    async with run.platform.store.begin() as connection:
        rows = await backups.of_database(connection, cluster.name)
    mine = [each for each in rows if each.detail.get("repository", 1) == repository]
    present = [each.label for each in mine if each.state == "complete"]
    gone = [each.label for each in mine if each.state == "failed"]
    if kind != "full" and max(gone, default="") > max(map(chain, present), default="~"):
        run.log("the last full backup was withdrawn, so this one is full again")
        return "full"
    return kind


def _fresh(present: Sequence[Backup], known: Sequence[str], repository: int) -> list[Backup]:
    return [
        each
        for each in present
        if each.label not in known and each.detail["repository"] == repository
    ]


def _damage(cluster: Cluster, label: str, files: Sequence[str]) -> Error:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return Error(
        f"backup {label} of {cluster.name} found pages with wrong checksums in "
        f"{', '.join(files[:3])}{more}",
        subject=f"database {cluster.name}",
        hint="the backups before it are kept; restore one, or fail over to a sound replica",
    )


async def _withdraw(run: Run, cluster: Cluster, label: str) -> Json:
    """Nothing may be built on it: what comes next rests on the sound backup before.

    The only full backup there is cannot go; it is marked, and nothing restores it unasked.
    """
    try:
        await expire(cluster, doors(run.platform, run.log), label)
    except Error as error:
        run.log(f"backup {label} stays, and counts as failed: {error.message}", level="warning")


async def let_go(run: Run, cluster: Cluster) -> Json:
    """Expire what neither the tier nor the last proof needs; gives what went."""
    engine, store = doors(run.platform, run.log), run.platform.store
    present = await recorded(store, cluster, engine)
    async with store.begin() as connection:
        proven = await evidence.proven_backups(connection, cluster.name)
    policy = cluster.tier.backup
    gone = [
        label
        for number in repositories(cluster)
        for label in expendable(
            [Held(each.label, each.finished_at or each.started_at, each.state == "complete")
             for each in present if each.detail["repository"] == number],
            now=run.platform.clock.now(),
            full=policy.retention_full,
            days=policy.retention_days,
            proven=proven,
        )
    ]  # fmt: skip
    for label in gone:
        await expire(cluster, engine, label)
    if gone:
        await recorded(store, cluster, engine)
    return list(gone)


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
            if old.label not in labels and old.state not in ("expired", "failed"):
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
            "chain": [*(facts.get("reference") or ()), facts["label"]],
            "repository": facts.get("database", {}).get("repo-key", 1),
        },
    )
