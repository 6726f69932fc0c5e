"""Pause the replay of WAL on one replica."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.engines.postgresql.faults import CannotCause, Performer, Scene, targets

_BEHIND = """
select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(),
                                  pg_catalog.pg_last_wal_replay_lsn())::bigint
"""
_RESUME = """
select pg_catalog.pg_wal_replay_resume()
where pg_catalog.pg_is_in_recovery() and pg_catalog.pg_is_wal_replay_paused()
"""


class PauseReplay(Performer):
    """A replica that has been promoted meanwhile replays nothing any more: nothing to undo."""

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """One replica, by chance."""
        leader = await targets.leader(scene)
        others = [node.name for node in scene.cluster.nodes if node.name != leader.name]
        if not others:
            raise CannotCause("there is no replica")
        return {"node": scene.chance.choice(others)}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Pause it."""
        async with scene.doors.connect(scene.node(aim["node"])) as connection:
            await connection.execute("select pg_catalog.pg_wal_replay_pause()")

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """How far behind it is, in bytes."""
        try:
            async with scene.doors.connect(scene.node(aim["node"])) as connection:
                row = await (await connection.execute(_BEHIND)).fetchone()
        except (Error, psycopg.Error):
            return {"node": aim["node"]}
        return {"node": aim["node"], "behind_bytes": row[0] if row else None}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Resume it, where it is paused."""
        async with scene.doors.connect(scene.node(aim["node"])) as connection:
            await connection.execute(_RESUME)


PERFORMER = PauseReplay()
