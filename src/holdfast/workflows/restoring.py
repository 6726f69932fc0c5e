"""What every restore has in common: a copy, recovered and made fit, in a cluster's stage.

Up to here nothing is changed but the stage, whose folder is removed whatever happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from holdfast.core.change import Json
from holdfast.core.errors import Bug, Error, NotFound, Refused
from holdfast.core.promise import Evidence, Verdict
from holdfast.core.units import show_bytes
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql import stage as stages
from holdfast.engines.postgresql import stage_roles, swap
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.render_backup import repositories
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.render_stage import stage_backup_file, stage_of, stage_rules
from holdfast.engines.postgresql.repository import Repository
from holdfast.engines.postgresql.stage_copy import copy_leader
from holdfast.recovery import wal
from holdfast.recovery.loss import Tally
from holdfast.recovery.target import Candidate, Target, choose, is_hit
from holdfast.recovery.wal import Archive, Record, Stretch
from holdfast.store import evidence
from holdfast.system.accounts import current_account
from holdfast.workflows.planning import doors
from holdfast.workflows.run import Run

_ROOM = 1.05
"""A copy needs its own size, and some more for the WAL that is replayed."""


def stage(cluster: Cluster, source: Cluster) -> Sandbox:
    """Where a cluster's copy of a source is made."""
    return stage_of(cluster, source)


async def prepare(run: Run, cluster: Cluster, source: Cluster) -> Json:
    """An empty stage that may read the source's repository."""
    host, box = run.platform.host, stage(cluster, source)
    await boxes.destroy(box, host, run.platform.clock)
    text = await doors(run.platform).fill(stage_backup_file(source, box), make=False)
    if text is None:
        raise Refused(
            f"the passphrase of the repository of {source.name} is lost",
            subject=f"database {source.name}",
            hint="bring the control database back from the time when the backups were made",
        )
    root = str(cluster.site.cluster(cluster.name))
    await host.make_folder(root, mode=0o750, owner=cluster.site.os_user)
    await boxes.make(box, host, backup_file=text)
    for path, rules in stage_rules(box, cluster, current_account().name).items():
        await host.write(path, rules.encode(), mode=0o600, owner=cluster.site.os_user)


async def see_repository(run: Run, cluster: Cluster, source: Cluster) -> Json:
    """Which repository can be read. Raises before anything waits for one that cannot."""
    return (await repository(run, cluster, source)).number


async def clear(run: Run, cluster: Cluster, source: Cluster) -> Json:
    """Remove the stage and everything in it."""
    await boxes.destroy(stage(cluster, source), run.platform.host, run.platform.clock)


async def repository(
    run: Run, cluster: Cluster, source: Cluster, number: int | None = None
) -> Repository:
    """Reading access to a repository of the source, from the cluster's stage.

    Without a number, to the first one that can be read. Raises what the last one said.
    """
    box, control = stage(cluster, source), await _control(run, cluster, source)
    numbers = repositories(source) if number is None else (number,)
    for each in numbers:
        reading = Repository(box, run.platform.host, control, each)
        try:
            if number is None:
                await reading.facts()
        except Error as error:
            if each == numbers[-1]:
                raise
            run.log(f"the second repository is read, because {error.message}", level="warning")
        else:
            return reading
    raise Bug("a database has no repository")


async def _control(run: Run, cluster: Cluster, source: Cluster) -> PurePosixPath | None:
    """A data folder of the source; the stage's own as soon as there is one."""
    folders = [stage(cluster, source).data, *(node.paths.data for node in source.nodes)]
    for folder in folders:
        if await run.platform.host.stat(str(folder / "global" / "pg_control")) is not None:
            return folder
    return None


async def find(
    run: Run, cluster: Cluster, source: Cluster, target: Target, wanted: str | None
) -> Json:
    """The backup to start from and the timeline to follow, before anything is restored.

    Raises what a person can act on: no repository, no such timeline, backup or restore point, a
    target from before the first backup or after the last commit.
    """
    reading = await repository(run, cluster, source)
    backups, archive = await reading.backups(), await reading.archive()
    known = {None, *(each.label for each in backups)}
    if wanted not in known and await reading.is_half_written(str(wanted)):
        raise Refused(
            f"backup {wanted} was never completed", hint="choose one of holdfast get backups"
        )
    timeline = _timeline(target, archive, backups)
    path = wal.path(timeline, await reading.history(timeline))
    _refuse_future(run, target, path, archive)
    hit = await _hit(run, reading, target, path, archive, backups)
    chosen = choose(target, path, backups, wanted=wanted, hit=hit)
    missing = wal.gaps(path, archive, begin=chosen.start, end=chosen.stop)
    beyond = hit if hit is not None else wal.lsn(target.value) if target.kind == "lsn" else None
    broken = [
        gap for gap in missing
        if target.kind in ("latest", "time") or beyond is None or gap.first.begin <= beyond
    ]  # fmt: skip
    if broken and (target.kind != "time" or broken[0].first.begin < chosen.stop):
        raise Refused(
            f"the archive of {source.name} has a gap behind backup {chosen.label}: {broken[0]}",
            hint="choose a target before the gap, or a backup behind it",
        )
    run.log(f"backup {chosen.label} of {chosen.stopped_at.isoformat()} is restored")
    return {
        "label": chosen.label,
        "repository": reading.number,
        "timeline": timeline,
        "size_bytes": chosen.size_bytes,
        "stopped_at": chosen.stopped_at.isoformat(),
        "start": wal.lsn_text(chosen.start),
        "stop": wal.lsn_text(chosen.stop),
        "archive_timelines": list(archive.timelines),
    }


def _timeline(target: Target, archive: Archive, backups: list[Candidate]) -> int:
    known = sorted({*archive.timelines, *(each.timeline for each in backups)})
    if not known:
        raise NotFound("there is no complete backup", hint="take one with holdfast backup")
    if target.timeline is not None and target.timeline not in known:
        raise NotFound(
            f"timeline {target.timeline} is not in the archive: there are "
            f"{', '.join(map(str, known))}",
            hint="choose one of these",
        )
    return target.timeline or known[-1]


def _refuse_future(run: Run, target: Target, path: tuple[Stretch, ...], archive: Archive) -> None:
    now = run.platform.clock.now()
    if target.kind == "time" and target.at > now:
        raise Refused(
            f"{target} is not over yet: it is {now.isoformat(timespec='seconds')}",
            hint="choose an earlier time, or --latest for all there is",
        )
    segments = wal.on_path(path, archive)
    if target.kind == "lsn" and segments:
        end = segments[-1].begin + wal.SEGMENT_BYTES
        if wal.lsn(target.value) >= end:
            raise Refused(
                f"{target} is not in the archive, which ends at {wal.lsn_text(end)}",
                hint="choose an earlier position, or --latest for all there is",
            )


async def _hit(
    run: Run,
    reading: Repository,
    target: Target,
    path: tuple[Stretch, ...],
    archive: Archive,
    backups: list[Candidate],
) -> int | None:
    """Where the archive has what the target names, looked for from the newest backup backwards.

    A time is held against the last commit there is. Without a data folder of the source nothing can
    be looked up beforehand; recovery itself tells then.
    """
    if target.kind not in ("name", "xid", "time") or reading.control is None:
        return None
    on_path = [each for each in backups if not each.damaged and _lies_on(path, each)]
    end: int | None = None
    last: Record | None = None
    for backup in sorted(on_path, key=lambda each: each.stop, reverse=True):
        async for batch in reading.records(
            path, archive, begin=backup.start, progress=run.progress
        ):
            for record in batch:
                if end is not None and record.position >= end:
                    break
                if is_hit(target, record):
                    return record.position
                if record.at is not None and (last is None or record.position > last.position):
                    last = record
        if target.kind == "time":
            _refuse_after(target, last)
            return None
        end = backup.start
    if not on_path:
        return None
    raise NotFound(
        f"{target} is not in the archive, which was read from its oldest backup on",
        hint="see that the WAL behind it is archived: holdfast describe NAME",
    )


def _lies_on(path: tuple[Stretch, ...], backup: Candidate) -> bool:
    return any(each.timeline == backup.timeline and each.holds(backup.stop) for each in path)


def _refuse_after(target: Target, last: Record | None) -> None:
    """PostgreSQL knows a moment only by a commit behind it."""
    if last is None or last.at is None or last.at > target.at:
        return
    raise Refused(
        f"{target} lies behind the last commit in the archive, of {last.at.isoformat()} at "
        f"position {wal.lsn_text(last.position)}",
        hint="use --latest to restore everything up to there, or choose an earlier time",
    )


async def restore(
    run: Run, cluster: Cluster, source: Cluster, target: Target, found: Mapping[str, Json]
) -> Json:
    """The backup's files, each checked by pgBackRest against its checksum."""
    platform, box = run.platform, stage(cluster, source)
    await _refuse_lack_of_room(run, cluster, source, found["size_bytes"])
    backup = _candidate(found)
    await stages.restore(
        box,
        platform.host,
        platform.clock,
        target,
        backup,
        timeline=found["timeline"],
        progress=run.progress,
    )


async def _refuse_lack_of_room(run: Run, cluster: Cluster, source: Cluster, size: int) -> None:
    box, engine = stage(cluster, source), doors(run.platform)
    free = await swap.free_bytes(box.folder, engine)
    needed = int(size * _ROOM) - await swap.size_bytes(box.data, cluster, engine)
    if needed > free:
        raise Refused(
            f"the copy takes {show_bytes(needed)}, and {show_bytes(free)} are free below "
            f"{cluster.site.home}",
            subject=f"database {cluster.name}",
            hint="make room, then restore again",
        )


def _candidate(found: Mapping[str, Json]) -> Candidate:
    return Candidate(
        label=found["label"],
        kind="",
        stopped_at=Target("time", found["stopped_at"]).at,
        timeline=found["timeline"],
        start=wal.lsn(found["start"]),
        stop=wal.lsn(found["stop"]),
        size_bytes=found["size_bytes"],
        repository=found["repository"],
    )


async def copy(run: Run, cluster: Cluster, source: Cluster) -> Json:
    """The data of the running leader, where they are on this machine."""
    await _refuse_lack_of_room(run, cluster, source, await _size_of(run, source))
    box, engine = stage(cluster, source), doors(run.platform, run.log)
    done = await copy_leader(box, source, engine, run.progress)
    run.log(f"copied {done['node']} from position {done['began']} to {done['ended']}")
    return done


async def _size_of(run: Run, source: Cluster) -> int:
    sizes = [
        await swap.size_bytes(node.paths.data, source, doors(run.platform))
        for node in source.nodes[:1]
    ]
    return max(sizes, default=0)


async def recover(run: Run, cluster: Cluster, source: Cluster, target: Target) -> Json:
    """Replay the WAL up to the target; the copy then goes on on a timeline of its own."""
    box, engine = stage(cluster, source), doors(run.platform, run.log)
    reached = await stages.recover(box, cluster, target, engine, run.progress)
    run.log(
        f"recovery stopped {reached.stopped}; the last record is at {reached.lsn or 'the backup'}, "
        f"the last commit of {reached.last_commit or 'the backup'}"
    )
    return reached.to_json()


async def settle(run: Run, cluster: Cluster, source: Cluster, *, present: bool) -> Json:
    """Roles, passwords and subscriptions as the document says, before anybody can get in."""
    box, engine = stage(cluster, source), doors(run.platform, run.log)
    async with stages.server(box, cluster, engine):
        settled = await stage_roles.settle(box, cluster, source.name, engine, present=present)
    for name in settled.closed:
        run.log(f"role {name} is not in the document: it may not log in any more", level="warning")
    for name in settled.subscriptions:
        run.log(f"subscription {name} is disabled: its original goes on", level="warning")
    return settled.to_json()


async def close(run: Run, cluster: Cluster, source: Cluster) -> Json:
    """Shut the copy down; gives the system's number and the timeline."""
    closed = await stages.close(stage(cluster, source), run.platform.host)
    return {"system": closed.system, "timeline": closed.timeline}


async def tally(
    run: Run, cluster: Cluster, source: Cluster, target: Target, found: Mapping[str, Json]
) -> Json:
    """How many commits lie behind the target, up to the end of the archive."""
    reading = await repository(run, cluster, source, found["repository"])
    if reading.control is None:
        return None
    archive = await reading.archive()
    path = wal.path(found["timeline"], await reading.history(found["timeline"]))
    sums = Tally(target)
    async for batch in reading.records(
        path, archive, begin=wal.lsn(found["start"]), progress=run.progress
    ):
        sums.add(batch)
    return sums.to_json()


async def record(run: Run, name: str, outcome: Mapping[str, Json]) -> Json:
    """Keep as evidence what was restored, and to which point."""
    proof = Evidence(
        id=f"{run.operation_id}-restore",
        kind="restore",
        database=name,
        at=run.platform.clock.now(),
        verdict=Verdict.PROVEN,
        measured=dict(outcome),
    )
    async with run.platform.store.begin() as connection:
        await evidence.add(connection, proof, operation_id=run.operation_id)
