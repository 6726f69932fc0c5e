"""SIGKILL for processes: a server, a node, one backend, the control plane."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.core.errors import Conflict
from holdfast.engines.postgresql.faults import Performer, Scene, targets
from holdfast.engines.postgresql.postmaster import is_alive, running_postmaster


class Kill(Performer):
    """What is killed stays dead; whoever supervises it starts another."""

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """See `targets.aim`."""
        return await targets.aim(scene, options)

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Kill them, unless the most important one is gone already."""
        found, host = targets.processes(aim), scene.doors.host
        if not await is_alive(found[-1], host):
            raise Conflict(
                f"the {aim['what']} of {aim['node'] or 'the site'} is not the one that was to be "
                "killed",
                subject=f"node {aim['node']}",
                hint="run the drill again when the cluster is quiet",
            )
        user = None if aim["what"] == "control-plane" else scene.cluster.site.os_user
        await targets.send("KILL", found, host, user=user)

    async def outstanding(self, scene: Scene, aim: Mapping[str, Json]) -> str:
        """Until a killed server has a successor, what Patroni and etcd say may be of before."""
        if aim["what"] not in ("server", "node"):
            return ""
        node, killed = scene.node(aim["node"]), targets.processes(aim)[-1]
        if await running_postmaster(node.paths.data, scene.doors.host) in (None, killed):
            return f"{node.name} has no server yet"
        return ""


PERFORMER = Kill()
