"""What the source held at a moment that a copy can be restored to.

A snapshot is opened in every database, a restore point is written right after, and the tables are
counted in those snapshots while WAL is archived up to it. What a snapshot sees is in the WAL
before the restore point, because a transaction is written before it can be seen. Which
transactions came in between, the copy tells: they are committed there, and the snapshot does not
see them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.change import Json
from holdfast.engines.postgresql import markers
from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.counts import Connect, Rules, databases, snapshot, writes
from holdfast.engines.postgresql.markers import Markers
from holdfast.recovery.comparison import (
    Comparison,
    Count,
    comparison,
    is_settled,
    suspects,
)
from holdfast.system.clock import Clock

ARCHIVED_WITHIN_S = 120.0
COUNTERS_WITHIN_S = 15.0
"""A backend reports what it wrote at most ten seconds after its last transaction."""
HELD_AT_ONCE = 8
"""Databases beyond so many are counted before the restore point, one after the other."""
_CANDIDATES = 100_000
"""Of more transactions than these nobody asks how they ended."""
_COMMITTED = """
with bounds(low, high) as (
    select %(high)s::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint),
candidates(id) as (
    select unnest(%(running)s::bigint[])
    union all select generate_series(low, least(high - 1, low + %(most)s)) from bounds)
select count(*) from candidates, bounds
where case when id < high then id - low >= %(most)s
    or pg_xact_status(id::text::xid8) = 'committed' end
"""
_SEGMENT = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True, slots=True)
class Witness:
    """The source at the restore point `point`, which is at `lsn` of `timeline`.

    `snapshots` are by database, as PostgreSQL writes them. `problem` says why WAL was not archived
    up to there; empty when it was. `markers` are the rows around the restore point, where they
    were asked for.
    """

    tables: Mapping[str, Count] = field(default_factory=dict)
    point: str = ""
    lsn: str = ""
    timeline: int = 0
    problem: str = ""
    snapshots: Mapping[str, str] = field(default_factory=dict)
    markers: Markers | None = None

    @property
    def sampled(self) -> dict[str, int]:
        """The pages that large tables had."""
        return {name: count.blocks for name, count in self.tables.items() if count.blocks}

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, the inverse of `from_json`."""
        return {
            "tables": {name: count.to_json() for name, count in self.tables.items()},
            "point": self.point,
            "lsn": self.lsn,
            "timeline": self.timeline,
            "problem": self.problem,
            "snapshots": dict(self.snapshots),
            "markers": self.markers.to_json() if self.markers else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Witness:
        """The inverse of `to_json`."""
        return cls(
            tables={name: Count.from_json(each) for name, each in data["tables"].items()},
            point=data["point"],
            lsn=data["lsn"],
            timeline=data["timeline"],
            problem=data["problem"],
            snapshots=data["snapshots"],
            markers=Markers.from_json(data["markers"]) if data["markers"] else None,
        )


async def witness(
    connect: Connect,
    reading: Connect,
    clock: Clock,
    *,
    point: str,
    rules: Rules | None = None,
    counted: bool = True,
    marked: bool = False,
    archived_within_s: float = ARCHIVED_WITHIN_S,
) -> Witness:
    """Hold a snapshot of everything on the primary, write the restore point, count, and archive.

    The tables are read over `reading`, a reader's connections. `connect` opens a superuser's, and
    only to the maintenance database, in which no application has anything. Without `counted`
    nothing is read; with `marked` the restore point stands between two rows, see `markers`.
    """
    rules = rules or Rules(seed=point)
    names = await databases(reading) if counted else []
    tables: dict[str, Count] = {}
    snapshots: dict[str, str] = {}
    for name in names[HELD_AT_ONCE:]:
        async with snapshot(reading, name) as held:
            snapshots[name] = held.text
            tables |= await held.count(rules)
    if marked:
        await markers.before(connect, point)
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(snapshot(reading, name))
            for name in names[:HELD_AT_ONCE]
        ]
        lsn, segment = await _restore_point(connect, point)
        rows = await markers.after(connect, point) if marked else None
        async with connect(POSTGRES) as connection:
            await connection.execute("select pg_switch_wal()")
        for held in opened:
            snapshots[held.database] = held.text
            tables |= await held.count(rules)
    problem = await _archived(connect, clock, rows.segment if rows else segment, archived_within_s)
    timeline = int(segment[:8], 16)
    return Witness(tables, point, lsn, timeline, problem, snapshots, rows)


async def _restore_point(connect: Connect, point: str) -> tuple[str, str]:
    """Its position and its segment."""
    async with connect(POSTGRES) as connection:
        cursor = await connection.execute("select pg_create_restore_point(%s)::text", [point])
        lsn = (await cursor.fetchone() or ("",))[0]
        cursor = await connection.execute("select pg_walfile_name(%s::pg_lsn)", [lsn])
        segment = (await cursor.fetchone() or ("",))[0]
    return lsn, segment


async def exact(source: Witness, copy: Connect) -> tuple[str, ...]:
    """The databases in which the copy committed nothing that the source's snapshot does not see.

    To be asked before anything is written to the copy: every transaction of its own counts.
    """
    found = []
    async with copy(POSTGRES) as connection:
        for database, text in source.snapshots.items():
            _, high, running = text.split(":")
            bounds = {"high": high, "running": f"{{{running}}}", "most": _CANDIDATES}
            cursor = await connection.execute(_COMMITTED, bounds)
            if (await cursor.fetchone() or (1,))[0] == 0:
                found.append(database)
    return tuple(found)


async def compare(
    source: Witness,
    copy: Mapping[str, Count],
    reading: Connect,
    clock: Clock,
    *,
    exact: tuple[str, ...] = (),
    counters_within_s: float = COUNTERS_WITHIN_S,
) -> Comparison:
    """Compare a copy with its source, whose counters are read again where the two differ.

    Counters arrive late: as long as they could explain a difference they are waited for.
    """
    doubtful = suspects(source.tables, copy)
    if not doubtful:
        return comparison(source.tables, copy, {})
    deadline = clock.monotonic() + counters_within_s
    while True:
        found = comparison(source.tables, copy, await writes(reading), exact)
        if not found.different or is_settled(doubtful, exact) or clock.monotonic() > deadline:
            return found
        await clock.sleep(1.0)


async def _archived(connect: Connect, clock: Clock, segment: str, within_s: float) -> str:
    deadline = clock.monotonic() + within_s
    while True:
        async with connect(POSTGRES) as connection:
            cursor = await connection.execute(
                "select last_archived_wal, last_failed_wal, "
                "last_failed_time > coalesce(last_archived_time, '-infinity') "
                "from pg_stat_archiver"
            )
            row = await cursor.fetchone()
        last, failed, is_failing = row or (None, None, None)
        # Names of one timeline sort in the order of WAL; a later timeline holds all before it.
        if last and _SEGMENT.fullmatch(last[:24]) and last[:24] >= segment:
            return ""
        if clock.monotonic() > deadline:
            what = f"; archiving of {failed} fails" if is_failing else ""
            return f"WAL up to the restore point was not archived within {within_s:g} s{what}"
        await clock.sleep(0.1)
