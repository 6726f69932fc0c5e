"""Hold a transaction open on the leading server, with a snapshot and a number of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from holdfast.core.change import Json
from holdfast.engines.postgresql.faults import Performer, Scene, targets

_NAME = "select pg_catalog.set_config('application_name', %s, false)"
_BEGIN = "begin isolation level repeatable read"
_NUMBER = "select pg_catalog.pg_current_xact_id()"
_OLDEST = """
select application_name, pg_catalog.age(backend_xmin)
from pg_catalog.pg_stat_activity
where backend_xmin is not null and pid <> pg_catalog.pg_backend_pid()
order by 2 desc limit 1
"""
_END = """
select pg_catalog.pg_terminate_backend(pid, 5000) from pg_catalog.pg_stat_activity
where application_name = %s
"""


class HoldTransaction(Performer):
    """The session belongs to the control plane: it ends with it in any case."""

    def __init__(self) -> None:
        self._open: dict[str, AsyncExitStack] = {}

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """The server that leads."""
        leader = await targets.leader(scene)
        return {"node": leader.name, "name": f"holdfast drill {scene.mark}"}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Begin the transaction and leave it."""
        stack = self._open[scene.mark] = AsyncExitStack()
        connection = await stack.enter_async_context(
            scene.doors.connect(scene.node(aim["node"]), bare=True)
        )
        await connection.execute(_NAME, [aim["name"]])
        await connection.execute(_BEGIN)
        await connection.execute(_NUMBER)

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """Whom the horizon waits for, and how many transactions it is behind."""
        holder, age = await self._oldest(scene, aim)
        return {"holder": holder, "age": age, "expected_holder": aim["name"]}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """End its session."""
        if stack := self._open.pop(scene.mark, None):
            await stack.aclose()
        # One that a control plane left behind is ended by its name.
        async with scene.doors.connect(scene.node(aim["node"])) as connection:
            await connection.execute(_END, [aim["name"]])

    async def after(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """How many transactions the horizon is behind now."""
        return {"age_after": (await self._oldest(scene, aim))[1]}

    async def _oldest(self, scene: Scene, aim: Mapping[str, Json]) -> tuple[str, int]:
        async with scene.doors.connect(scene.node(aim["node"])) as connection:
            row = await (await connection.execute(_OLDEST)).fetchone()
        return (row[0], row[1]) if row else ("", 0)


PERFORMER = HoldTransaction()
