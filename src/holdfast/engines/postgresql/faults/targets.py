"""Which processes a fault is aimed at, and the one way of sending them a signal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from holdfast.core.change import Json
from holdfast.core.errors import Conflict
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.endpoints import Role, login
from holdfast.engines.postgresql.faults import CannotCause, Scene
from holdfast.engines.postgresql.leadership import leader_of
from holdfast.engines.postgresql.postmaster import ProcessId, identified, running_postmaster
from holdfast.engines.postgresql.render_programs import programs
from holdfast.system.host import Host

Signal: TypeAlias = Literal["KILL", "STOP", "CONT"]

# One shell compares and signals, so that hardly a moment lies between the two.
_SEND = (
    'signal=$1; shift; for each in "$@"; do pid=${each%%:*};'
    ' read -r line 2>/dev/null <"/proc/$pid/stat" || continue;'
    ' set -- ${line##*) }; [ "${20}" = "${each#*:}" ] && found="$found $pid"; done;'
    ' [ -n "$found" ] && kill -"$signal" $found'
)
_BACKENDS = """
select pid from pg_catalog.pg_stat_activity
where backend_type = 'client backend' and usename = %s order by backend_start, pid
"""


async def aim(scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
    """The processes that `what` means now: a node's name (or empty) and [pid, start] of each.

    `what` is server, patroni, node, backend, etcd (with `members`) or control-plane.
    """
    what = options["what"]
    if what == "etcd":
        return _aimed(what, "", await _etcd(scene, options["members"]))
    if what == "control-plane":
        return _aimed(what, "", await _programs(scene, ["control-plane"]))
    node = await leader(scene)
    server = await running_postmaster(node.paths.data, scene.doors.host)
    if server is None:
        raise Conflict(
            f"{node.name} has no running server",
            subject=f"node {node.name}",
            hint=f"look at `holdfast describe {scene.cluster.name}`",
        )
    if what == "server":
        return _aimed(what, node.name, [server])
    if what == "backend":
        return _aimed(what, node.name, [await _backend(scene, node)])
    found = programs(scene.cluster, node)
    if what == "patroni":
        return _aimed(what, node.name, await _programs(scene, [found["patroni"].name]))
    # Patroni first: it would notice its server's end, and be ahead of its own.
    names = [program.name for program in found.values()]
    others = [*await _programs(scene, names), *await children(server, scene.doors.host)]
    return _aimed(what, node.name, [*others, server])


async def leader(scene: Scene) -> Node:
    """The node that leads now. Raises `Conflict` when nobody does."""
    return await leader_of(scene.cluster, scene.doors)


def processes(aim: Mapping[str, Json]) -> list[ProcessId]:
    """The processes of an aim."""
    return [ProcessId(*each) for each in aim["processes"]]


async def send(
    signal: Signal, targets: Sequence[ProcessId], host: Host, *, user: str | None
) -> None:
    """Signal those of the processes that still live, all at once.

    `user` is whose they are: nobody else's can be hit.
    """
    if targets:
        named = [f"{each.pid}:{each.start}" for each in targets]
        await host.run(["sh", "-c", _SEND, "sh", signal, *named], user=user, check=False)


async def children(process: ProcessId, host: Host) -> list[ProcessId]:
    """The children of a process as they are now."""
    content = await host.read(f"/proc/{process.pid}/task/{process.pid}/children")
    return await _identified([int(each) for each in (content or b"").split()], host)


def _aimed(what: str, node: str, found: Sequence[ProcessId]) -> dict[str, Json]:
    return {"what": what, "node": node, "processes": [[each.pid, each.start] for each in found]}


async def _identified(pids: Sequence[int], host: Host) -> list[ProcessId]:
    found = await asyncio.gather(*(identified(pid, host) for pid in pids))
    return [each for each in found if each]


async def _programs(scene: Scene, names: Sequence[str]) -> list[ProcessId]:
    services = await scene.doors.host.services.status()
    pids = [services[name].pid for name in names if name in services]
    found = await _identified([pid for pid in pids if pid], scene.doors.host)
    if not found:
        raise CannotCause(f"no program {' or '.join(names)} is under this site's supervisor")
    return found


async def _etcd(scene: Scene, count: int) -> list[ProcessId]:
    """Members to hit: the one that leads, and others by chance."""
    addresses = scene.cluster.site.etcd_addresses
    health = {each.endpoint: each for each in await scene.doors.etcd.members()}
    first = [
        address
        for address in addresses
        if any(address in endpoint and each.is_leader for endpoint, each in health.items())
    ]
    rest = [address for address in addresses if address not in first]
    scene.chance.shuffle(rest)
    chosen = [addresses.index(address) + 1 for address in [*first, *rest][:count]]
    return await _programs(scene, [f"etcd-{number}" for number in chosen])


async def _backend(scene: Scene, node: Node) -> ProcessId:
    """One of the drill's own clients' backends."""
    async with scene.doors.connect(node) as connection:
        user = login(scene.cluster, Role.RW).user
        rows = await (await connection.execute(_BACKENDS, [user])).fetchall()
    found = await _identified([row[0] for row in rows], scene.doors.host)
    if not found:
        raise Conflict(f"{node.name} has no client", subject=f"node {node.name}")
    return scene.chance.choice(found)
