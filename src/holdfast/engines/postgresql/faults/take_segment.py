"""Take one archived WAL segment out of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.core.change import Json
from holdfast.core.errors import TimedOut
from holdfast.engines.postgresql import stored
from holdfast.engines.postgresql.faults import CannotCause, Performer, Scene, targets
from holdfast.engines.postgresql.perform.backup import listed
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_sandbox import Sandbox

_ARRIVES_WITHIN_S = 60.0
_WRITE = "select pg_catalog.pg_logical_emit_message(true, 'holdfast', 'segment')"
_SWITCH = "select pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())"


class TakeSegment(Performer):
    """It is moved beside the repository, and back again."""

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """The one in the middle of three that are finished and archived for it."""
        leader = await targets.leader(scene)
        segments: list[str] = []
        async with scene.doors.connect(leader) as connection:
            for _ in range(3):
                await connection.execute(_WRITE)
                row = await (await connection.execute(_SWITCH)).fetchone()
                assert row is not None
                segments.append(row[0])

        async def outstanding() -> str:
            return "" if await _file(scene, segments[-1]) else f"{segments[-1]} is not archived"

        try:
            await until(outstanding, scene.doors, deadline_s=_ARRIVES_WITHIN_S, what="the archive")
        except TimedOut as error:
            raise CannotCause(error.message) from None
        file = await _file(scene, segments[1])
        folder = scene.cluster.site.cluster(scene.cluster.name)
        return {"segment": segments[1], "file": file, "kept": str(folder / f"drill-{scene.mark}")}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Move it away."""
        await _move(scene, aim["file"], aim["kept"])

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """What the first layer of `verify` says of the archive now."""
        cluster = scene.cluster
        known: list[dict[str, Any]] = await listed(cluster, scene.doors)
        if not known:
            return {"segment": aim["segment"]}
        newest = known[-1]
        backup = stored.Known(
            newest["label"], (newest.get("lsn") or {}).get("start", ""), newest["archive"]["start"]
        )
        box = Sandbox(
            folder=cluster.site.cluster(cluster.name),
            stanza=cluster.name,
            bindir=cluster.installation.bindir,
            pgbackrest=cluster.installation.pgbackrest,
            os_user=cluster.site.os_user,
        )
        read = await stored.read(
            box,
            scene.doors.host,
            scene.doors.clock,
            repository=stored.Place(1, cluster.site.repository(cluster.name)),
            backups=[backup],
            chosen=backup.label,
            proven={},
            report=lambda _done, _total: None,
        )
        said = "; ".join(read.gaps)
        return {"segment": aim["segment"], "noticed": aim["segment"] in said, "said": said}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Move it back, where it was moved away."""
        if await scene.doors.host.stat(aim["kept"]) is not None:
            await _move(scene, aim["kept"], aim["file"])


async def _file(scene: Scene, segment: str) -> str:
    """Where the repository has a segment; empty when it has not."""
    archive = scene.cluster.site.repository(scene.cluster.name) / "archive"
    done = await scene.doors.host.run(
        ["find", str(archive), "-name", f"{segment}-*", "-type", "f"],
        user=scene.cluster.site.os_user,
    )
    return done.text.partition("\n")[0]


async def _move(scene: Scene, file: str, to: str) -> None:
    await scene.doors.host.run(["mv", "-n", file, to], user=scene.cluster.site.os_user)


PERFORMER = TakeSegment()
