"""Flip one byte of a data page on the leading node's disk, in a table of the drill's own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.engines.postgresql.doors import Connection
from holdfast.engines.postgresql.faults import CannotCause, Performer, Scene, targets
from holdfast.engines.postgresql.ledger_table import SCHEMA
from holdfast.engines.postgresql.perform.backup import pgbackrest, take

_TABLE = f"{SCHEMA}.page"
_OFFSET = 8000
"""Within the first page, in the middle of a row: pages are filled from their end."""
_MAKE = (
    f"drop table if exists {_TABLE}",
    f"create table {_TABLE} (filler text)",
    f"insert into {_TABLE} select pg_catalog.repeat('x', 500) from generate_series(1, 12)",  # noqa: S608
    # Nothing may be left that somebody would write to the page later, hints for example.
    f"vacuum (freeze) {_TABLE}",
    "checkpoint",
)
_FILE = "select pg_catalog.pg_relation_filepath(pg_catalog.to_regclass(%s))"


class FlipByte(Performer):
    """PostgreSQL has the sound page in memory; a backup reads the file."""

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """A page of a new table, which is on disk and written to by nobody any more."""
        leader = await targets.leader(scene)
        async with self._connect(scene, leader.name) as connection:
            for statement in _MAKE:
                await connection.execute(statement)
            row = await (await connection.execute(_FILE, [_TABLE])).fetchone()
        assert row is not None
        file = str(leader.paths.data / row[0])
        content = await scene.doors.host.read(file)
        if content is None or len(content) <= _OFFSET:
            raise CannotCause(f"{file} is not where its server says")
        return {"node": leader.name, "file": file, "relation": row[0], "byte": content[_OFFSET]}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Another value in its place."""
        await _put(scene, aim, aim["byte"] ^ 0xFF)

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """Whether a backup that is taken now says so."""
        # From the node with the damage: one that is read from a standby meets a sound page.
        taken = await take(scene.cluster, scene.doors, "incr", from_standby=False)
        label = str(taken["label"])
        try:
            # It must not be what the next backup rests on.
            await pgbackrest(scene.cluster, scene.doors, f"--set={label}", "expire")
        except Error as error:
            scene.doors.note(f"backup {label} stays: {error.message}")
        return {"noticed": bool(taken.get("error")), "backup": label}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Put the byte back and remove the table, where it is still the same."""
        async with self._connect(scene, aim["node"]) as connection:
            row = await (await connection.execute(_FILE, [_TABLE])).fetchone()
            if row and row[0] == aim["relation"]:
                await _put(scene, aim, aim["byte"])
        # Should another node lead by now, the table went there with the rest.
        leader = await targets.leader(scene)
        async with self._connect(scene, leader.name) as connection:
            await connection.execute(f"drop table if exists {_TABLE}")

    def _connect(self, scene: Scene, node: str) -> AbstractAsyncContextManager[Connection]:
        return scene.doors.connect(scene.node(node), scene.cluster.spec.databases[0].name)


async def _put(scene: Scene, aim: Mapping[str, Json], value: int) -> None:
    await scene.doors.host.run(
        [
            "dd",
            f"of={aim['file']}",
            "bs=1",
            f"seek={_OFFSET}",
            "conv=notrunc,nocreat,fsync",
            "status=none",
        ],
        stdin=bytes([value]),
        user=scene.cluster.site.os_user,
    )


PERFORMER = FlipByte()
