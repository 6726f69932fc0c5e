"""The rolling restart: replicas first, then the leader's role moves, then the old leader.

Some parameters may not be lower on a replica than on the leader (`max_connections` and its
like). Raised, they go in the usual order; lowered, the leader has to have the lower value first,
so it restarts in place while the poolers hold their clients.
"""

from __future__ import annotations

import asyncio

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.observe_node import in_service, observe_member
from holdfast.engines.postgresql.perform.switchover import held, switch_over
from holdfast.engines.postgresql.perform.waiting import until


async def rolling_restart(cluster: Cluster, doors: Doors) -> None:
    """Restart every node that waits for one, never two at a time. Nothing waiting is fine."""
    for _ in range(2):
        # A replica restarts first; a lowered parameter still waits after that, until the leader
        # has had its turn, hence the second round.
        for node in await _waiting(cluster, doors):
            if node.name != await leader_name(cluster, doors):
                await _restart(node, doors)
        await _leader(cluster, doors)
    left = await _waiting(cluster, doors)
    if left:
        raise Error(
            f"{', '.join(node.name for node in left)} still wait for a restart after one",
            subject=f"database {cluster.name}",
            hint="read the nodes' postgresql logs for a parameter that could not be set",
        )


async def _leader(cluster: Cluster, doors: Doors) -> None:
    name = await leader_name(cluster, doors)
    leader = by_name(cluster, name) if name else None
    if leader is None or leader not in await _waiting(cluster, doors):
        return
    others = [node for node in await _waiting(cluster, doors) if node is not leader]
    if len(cluster.nodes) > 1 and not others:
        await switch_over(cluster, doors, reason=f"{leader.name} waits for a restart")
        await _restart(leader, doors)
        return
    # Alone, or every replica waits for the leader's lower value.
    async with held(cluster, leader, doors, operation=f"restart of {leader.name}"):
        await _restart(leader, doors)


async def _waiting(cluster: Cluster, doors: Doors) -> list[Node]:
    members = await asyncio.gather(*(observe_member(node, doors) for node in cluster.nodes))
    return [
        node
        for node, member in zip(cluster.nodes, members, strict=True)
        if member.waits_for_restart
    ]


async def _restart(node: Node, doors: Doors) -> None:
    if not (await observe_member(node, doors)).waits_for_restart:
        # A former leader may have restarted on its way to being a replica.
        return
    doors.note(f"{node.name} restarts")
    await doors.patroni.restart(node.address)

    async def outstanding() -> str:
        member = await observe_member(node, doors)
        return "" if in_service(member) else member.state

    await until(
        outstanding,
        doors,
        deadline_s=120.0,
        what=f"{node.name} in service after its restart",
        hint=f"read {node.paths.log}/patroni.log",
    )
