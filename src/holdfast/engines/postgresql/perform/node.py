"""Start programs, wait for a leader, take a node out of the cluster."""

from __future__ import annotations

from holdfast.core.change import Change
from holdfast.core.errors import Bug, Error
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.perform.files import node_of
from holdfast.engines.postgresql.perform.switchover import switch_over
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_programs import PARTS, programs
from holdfast.system.host import program_name


async def process(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Define the program and have it run. A leader hands over before its Patroni restarts."""
    node = node_of(change, cluster)
    assert node is not None
    part = change.target.rsplit("/", 1)[1]
    program = programs(cluster, node)[part]
    services = doors.host.services
    running = (await services.status()).get(program.name)
    redefined = not await services.matches(program)
    if part == "patroni" and redefined and running and running.state == "running":
        await _hand_over(node, cluster, doors)
    await services.ensure(program)
    await services.start(program.name)


async def _hand_over(node: Node, cluster: Cluster, doors: Doors) -> None:
    if len(cluster.nodes) > 1 and await leader_name(cluster, doors) == node.name:
        await switch_over(cluster, doors, reason=f"patroni of {node.name} restarts")


async def leader(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Wait until a leader takes writes; strict synchronous commits are not waited for here."""

    async def outstanding() -> str:
        name = await leader_name(cluster, doors)
        node = by_name(cluster, name) if name else None
        if node is None:
            return "no leader is elected"
        try:
            async with doors.connect(node) as connection:
                row = await (await connection.execute("select pg_is_in_recovery()")).fetchone()
        except Error as error:
            return error.message
        return "" if row and not row[0] else f"{node.name} is still in recovery"

    await until(
        outstanding,
        doors,
        deadline_s=120.0,
        what=f"a leader of {cluster.name}",
        hint=f"read {cluster.nodes[0].paths.log}/patroni.log",
    )


async def remove(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Take a node out: hand over if it leads, stop its programs, forget its keys, its folder.

    Destroys the node's copy of the data. The other nodes hold it too, and so does the archive.
    """
    ordinal = int(change.target.split("/")[1])
    name = f"{cluster.name}-{ordinal}"
    if any(node.ordinal == ordinal for node in cluster.nodes):
        raise Bug(f"{name} is in the document and is not to be removed", subject=name)
    if await leader_name(cluster, doors) == name:
        await switch_over(cluster, doors, reason=f"{name} leaves the cluster")
    await destroy_node(cluster, ordinal, doors)


async def destroy_node(cluster: Cluster, ordinal: int, doors: Doors) -> None:
    """Stop everything of a node and remove what it had on this host and in etcd."""
    name = f"{cluster.name}-{ordinal}"
    for part in reversed(PARTS):
        await doors.host.services.remove(program_name(name, part))
    for key in (f"members/{name}", f"pooler/nodes/{name}"):
        await doors.etcd.delete(etcd_prefix(cluster.name) + key)
    await doors.host.remove(str(cluster.site.node(cluster.name, ordinal).root))
    doors.note(f"{name} is gone: its programs, its folder, its keys")
