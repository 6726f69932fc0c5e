"""Look at a cluster's archiver, and at what has really arrived in its archive."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.render_backup import repositories
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.repository import Repository
from holdfast.recovery import wal
from holdfast.recovery.archive_health import Seen, gaps_of

_ARCHIVER = """
select last_archived_wal, last_archived_time, last_failed_wal, last_failed_time,
       pg_current_wal_lsn()::text,
       (select count(*) from pg_ls_archive_statusdir() where name like '%.ready'),
       (select extract(epoch from clock_timestamp() - min(modification))::float8
        from pg_ls_archive_statusdir() where name like '%.ready')
from pg_stat_archiver
"""


def own_repository(cluster: Cluster, doors: Doors, number: int = 1) -> Repository:
    """A repository of the cluster, read with the cluster's own configuration."""
    box = Sandbox(
        folder=cluster.site.cluster(cluster.name),
        stanza=cluster.name,
        bindir=cluster.installation.bindir,
        pgbackrest=cluster.installation.pgbackrest,
        os_user=cluster.site.os_user,
    )
    return Repository(box, doors.host, number=number)


async def observe_archiving(cluster: Cluster, doors: Doors) -> Seen:
    """One look at both ends. What cannot be seen is left open, or said in `problem`."""
    seen = await _archiver(cluster, doors)
    for number in repositories(cluster):
        try:
            seen = await _archive(cluster, doors, seen, number)
        except Error as error:
            seen = replace(seen, problem=f"{_which(number)}{error.message}")
    return seen


def _which(number: int) -> str:
    return "" if number == 1 else "second repository: "


async def _archiver(cluster: Cluster, doors: Doors) -> Seen:
    seen = Seen(at=doors.clock.now().isoformat())
    with contextlib.suppress(Error, psycopg.Error):
        leader = await leader_node(cluster, doors)
        if leader is None:
            return seen
        async with doors.connect(leader) as connection:
            row = await (await connection.execute(_ARCHIVER)).fetchone()
        assert row is not None
        last, last_at, failed, failed_at, position, queue, oldest_s = row
        return replace(
            seen,
            leader=leader.name,
            last_archived=last,
            last_archived_at=_text(last_at),
            last_failed=failed,
            last_failed_at=_text(failed_at),
            queue=queue,
            oldest_s=oldest_s,
            unarchived_bytes=_behind(last, position),
        )
    return seen


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _behind(last: str | None, position: str) -> int | None:
    """Bytes written behind the end of the last archived segment; None where that says nothing."""
    if not last or len(last) < 24 or not all(digit in "0123456789ABCDEF" for digit in last[:24]):
        return None
    return max(0, wal.lsn(position) - wal.Segment.of(last[:24]).begin - wal.SEGMENT_BYTES)


async def _archive(cluster: Cluster, doors: Doors, seen: Seen, number: int) -> Seen:
    reading = own_repository(cluster, doors, number)
    backups, archive = await reading.backups(), await reading.archive()
    if not archive.timelines:
        return seen
    timeline = archive.timelines[-1]
    path = wal.path(timeline, await reading.history(timeline))
    still, healed = gaps_of(path, archive, backups)
    seen = replace(
        seen,
        open_gaps=(*seen.open_gaps, *(_which(number) + each for each in still)),
        old_gaps=(*seen.old_gaps, *(_which(number) + each for each in healed)),
    )
    if number != 1:
        return seen
    present = wal.on_path(path, archive)
    return replace(
        seen,
        newest=present[-1].name if present else None,
        oldest_backup=backups[0].label if backups else None,
        newest_backup=backups[-1].label if backups else None,
        newest_backup_at=backups[-1].stopped_at.isoformat() if backups else None,
    )
