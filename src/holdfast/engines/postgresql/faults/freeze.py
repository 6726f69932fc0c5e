"""SIGSTOP for processes: they live, hold their connections, and answer nothing."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.engines.postgresql.faults import Performer, Scene, targets
from holdfast.engines.postgresql.postmaster import ProcessId, running_postmaster


class Freeze(Performer):
    """Frozen processes are let go again, those that have been started since left alone."""

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """See `targets.aim`."""
        return await targets.aim(scene, options)

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Freeze them; of a server that is part of a node, its newest children too."""
        await self._send("STOP", scene, aim)

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """How many of them are still there."""
        found = await self._present(scene, aim)
        return {"aimed_at": len(aim["processes"]), "still_frozen": len(found)}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Let them go."""
        await self._send("CONT", scene, aim)

    async def outstanding(self, scene: Scene, aim: Mapping[str, Json]) -> str:
        """A frozen server that was ended needs a successor first."""
        if aim["what"] not in ("server", "node"):
            return ""
        node = scene.node(aim["node"])
        found = await running_postmaster(node.paths.data, scene.doors.host)
        return "" if found else f"{node.name} has no server yet"

    async def _send(self, signal: targets.Signal, scene: Scene, aim: Mapping[str, Json]) -> None:
        host, user = scene.doors.host, scene.cluster.site.os_user
        found = targets.processes(aim)
        await targets.send(signal, found, host, user=user)
        if aim["what"] == "node":
            # A frozen postmaster has no more children than these; none was missed.
            more = await targets.children(found[-1], host)
            await targets.send(signal, more, host, user=user)

    async def _present(self, scene: Scene, aim: Mapping[str, Json]) -> list[ProcessId]:
        found = targets.processes(aim)
        return [each for each in found if await _state(each, scene) == "T"]


async def _state(process: ProcessId, scene: Scene) -> str:
    content = await scene.doors.host.read(f"/proc/{process.pid}/stat")
    fields = (content or b"").decode(errors="replace").rpartition(")")[2].split()
    return fields[0] if len(fields) > 19 and fields[19] == process.start else ""


PERFORMER = Freeze()
