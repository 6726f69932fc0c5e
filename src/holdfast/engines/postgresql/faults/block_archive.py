"""Take the repository's archive folder away from the archiver, by its mode."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import TimedOut
from holdfast.engines.postgresql.faults import CannotCause, Performer, Scene, targets
from holdfast.engines.postgresql.perform.waiting import until

_CATCHES_UP_WITHIN_S = 90.0
_FAILURES = "select failed_count from pg_catalog.pg_stat_archiver"
_SWITCH = """
select pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), pg_catalog.pg_switch_wal()
"""
_WRITE = "select pg_catalog.pg_logical_emit_message(true, 'holdfast', 'archiving')"
_ARCHIVED = """
select coalesce(last_archived_wal, '') >= %s from pg_catalog.pg_stat_archiver
where last_archived_wal ~ '^[0-9A-F]{24}$'
"""


class BlockArchive(Performer):
    """The folder stays where it is and what it holds; nobody can enter it for a while."""

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """The folder with its mode, and how often archiving has failed so far."""
        leader = await targets.leader(scene)
        folder = str(scene.cluster.site.repository(scene.cluster.name) / "archive")
        found = await scene.doors.host.stat(folder)
        if found is None or found.kind != "folder":
            raise CannotCause(f"the repository has no folder {folder}")
        failures = await _value(scene, leader.name, _FAILURES)
        return {"node": leader.name, "folder": folder, "mode": found.mode, "failures": failures}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Close the folder, and finish a segment that has to go there."""
        await _set_mode(scene, aim["folder"], 0)
        await _value(scene, aim["node"], _WRITE)
        await _value(scene, aim["node"], _SWITCH)

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """How many failures the server told of."""
        failures = await _value(scene, aim["node"], _FAILURES)
        return {"failures": failures - aim["failures"]}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Open the folder again."""
        await _set_mode(scene, aim["folder"], aim["mode"])

    async def after(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """Whether a segment that is finished now arrives, and thereby all before it."""
        leader = (await targets.leader(scene)).name
        await _value(scene, leader, _WRITE)
        segment = await _value(scene, leader, _SWITCH)

        async def outstanding() -> str:
            arrived = await _value(scene, leader, _ARCHIVED, segment)
            return "" if arrived else f"{segment} is not archived"

        try:
            await until(
                outstanding,
                scene.doors,
                deadline_s=_CATCHES_UP_WITHIN_S,
                every_s=0.5,
                what="the archive",
            )
        except TimedOut:
            return {"caught_up": False, "waiting": segment}
        return {"caught_up": True, "waiting": segment}


async def _set_mode(scene: Scene, folder: str, mode: int) -> None:
    await scene.doors.host.run(["chmod", f"{mode:04o}", folder], user=scene.cluster.site.os_user)


async def _value(scene: Scene, node: str, statement: str, *values: Json) -> Json:
    async with scene.doors.connect(scene.node(node)) as connection:
        row = await (await connection.execute(statement, values)).fetchone()
    return row[0] if row else None


PERFORMER = BlockArchive()
