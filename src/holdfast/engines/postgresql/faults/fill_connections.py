"""Open connections as the application until the server refuses more."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.endpoints import Role, login, uri
from holdfast.engines.postgresql.faults import Performer, Scene, targets

_AT_MOST = 1000
_END = """
select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
where application_name = %s
"""


class FillConnections(Performer):
    """The connections belong to the control plane: they end with it in any case."""

    def __init__(self) -> None:
        self._open: dict[str, list[psycopg.AsyncConnection]] = {}

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """The server that leads."""
        return {"node": (await targets.leader(scene)).name, "name": _name(scene)}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Connect until it is refused."""
        role = login(scene.cluster, Role.RW)
        password = await scene.doors.secrets.ensure(role.password)
        database = scene.cluster.spec.databases[0].name
        target = uri(scene.cluster, role.user, password, database=database, leader=aim["node"])
        found = self._open.setdefault(scene.mark, [])
        while len(found) < _AT_MOST:
            try:
                found.append(
                    await psycopg.AsyncConnection.connect(
                        target, autocommit=True, application_name=aim["name"]
                    )
                )
            except psycopg.OperationalError:
                return

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """Whether clients are refused, and whether the platform gets in."""
        opened = len(self._open.get(scene.mark, []))
        return {
            "opened": opened,
            "refused": 0 < opened < _AT_MOST,
            "platform_gets_in": await _gets_in(scene, scene.node(aim["node"])),
        }

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Close them; those of a control plane that died are ended by name."""
        for connection in self._open.pop(scene.mark, []):
            await connection.close()
        async with scene.doors.connect(scene.node(aim["node"])) as connection:
            await connection.execute(_END, [aim["name"]])


async def _gets_in(scene: Scene, node: Node) -> bool:
    try:
        async with scene.doors.connect(node) as connection:
            await connection.execute("select 1")
    except (Error, psycopg.Error):
        return False
    return True


def _name(scene: Scene) -> str:
    return f"holdfast drill {scene.mark}"


PERFORMER = FillConnections()
