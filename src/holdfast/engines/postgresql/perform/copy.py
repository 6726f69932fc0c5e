"""Copy a replica anew from the leader, without losing what only its old data may hold."""

from __future__ import annotations

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.system.host import program_name


async def copy_anew(cluster: Cluster, node: Node, doors: Doors, *, why: str) -> None:
    """Have Patroni copy the leader's data to the node; `why` goes to the operation's log.

    In a strict tier every acknowledged write is on the leader, so the old data are thrown away.
    In any other, a former leader may hold the only copy of some: its folder is kept aside.
    """
    if cluster.tier.strict or await doors.host.stat(str(node.paths.data / "PG_VERSION")) is None:
        doors.note(f"{node.name} {why}: its data are thrown away and copied anew from the leader")
        try:
            await (await doors.operator(node)).reinitialize(node.address)
        except Error as error:
            doors.note(f"{node.name}: {error.message}")
        return
    kept = node.paths.root / f"data-{doors.clock.now():%Y%m%dT%H%M%SZ}"
    patroni = program_name(node.name, "patroni")
    await doors.host.services.stop(patroni)
    try:
        await doors.host.run(["mv", "-T", str(node.paths.data), str(kept)])
        doors.note(
            f"{node.name} {why}: it is copied anew from the leader; its old data, which may hold "
            f"writes that nobody else has, are kept in {kept}"
        )
    finally:
        await doors.host.services.start(patroni)
