"""What the source held at a moment that a copy can be restored to.

The tables are counted, then a restore point is written, and WAL is archived up to it. What was
counted is in the WAL before the restore point, because a transaction is written before it can
be seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.change import Json
from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.counts import Connect, count, writes
from holdfast.recovery.comparison import Comparison, Count, comparison, suspects
from holdfast.system.clock import Clock

ARCHIVED_WITHIN_S = 120.0
COUNTERS_WITHIN_S = 15.0
"""A backend reports what it wrote at most ten seconds after its last transaction."""
_SEGMENT = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True, slots=True)
class Witness:
    """The source at the restore point `point`, which is at `lsn` of `timeline`.

    `problem` says why WAL was not archived up to there; empty when it was.
    """

    tables: Mapping[str, Count] = field(default_factory=dict)
    point: str = ""
    lsn: str = ""
    timeline: int = 0
    problem: str = ""

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, the inverse of `from_json`."""
        return {
            "tables": {name: count.to_json() for name, count in self.tables.items()},
            "point": self.point,
            "lsn": self.lsn,
            "timeline": self.timeline,
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Witness:
        """The inverse of `to_json`."""
        tables = {name: Count.from_json(each) for name, each in data["tables"].items()}
        return cls(tables, data["point"], data["lsn"], data["timeline"], data["problem"])


async def witness(
    connect: Connect,
    reading: Connect,
    clock: Clock,
    *,
    point: str,
    archived_within_s: float = ARCHIVED_WITHIN_S,
) -> Witness:
    """Count everything on the primary, then write the restore point and have it archived.

    The tables are read over `reading`, a reader's connections. `connect` opens a superuser's, and
    only to the maintenance database, in which no application has anything.
    """
    tables = await count(reading)
    async with connect(POSTGRES) as connection:
        cursor = await connection.execute("select pg_create_restore_point(%s)::text", [point])
        lsn = (await cursor.fetchone() or ("",))[0]
        cursor = await connection.execute("select pg_walfile_name(%s::pg_lsn)", [lsn])
        segment = (await cursor.fetchone() or ("",))[0]
        await connection.execute("select pg_switch_wal()")
    problem = await _archived(connect, clock, segment, archived_within_s)
    return Witness(tables, point, lsn, int(segment[:8], 16), problem)


async def compare(
    source: Mapping[str, Count],
    copy: Mapping[str, Count],
    reading: Connect,
    clock: Clock,
    *,
    counters_within_s: float = COUNTERS_WITHIN_S,
) -> Comparison:
    """Compare a copy with its source, whose counters are read again where the two differ.

    Counters arrive late: as long as a difference is not explained they are waited for.
    """
    if not suspects(source, copy):
        return comparison(source, copy, {})
    deadline = clock.monotonic() + counters_within_s
    while True:
        found = comparison(source, copy, await writes(reading))
        if not found.different or clock.monotonic() > deadline:
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
