"""The rolling restart: replicas first, then the leader's role moves, then the old leader.

A replica may not have less of some parameters than the leader (`max_connections` and its like).
Raised, they go in the usual order. Lowered, the leader has to have the lower value first, so it
restarts in place while the poolers hold their clients, and the replicas follow.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterable, Mapping

from holdfast.core.errors import Conflict, Error, TimedOut
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.observe_node import in_service, observe_member, waits_for
from holdfast.engines.postgresql.observe_parameters import Running, running_parameters
from holdfast.engines.postgresql.parameters_contexts import AT_LEAST_AS_ON_THE_LEADER
from holdfast.engines.postgresql.perform.configured import NUDGE_S, nudge
from holdfast.engines.postgresql.perform.switchover import checkpoint, held, switch_over
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_patroni import wanted_parameters


class Turn(enum.StrEnum):
    """Part of a rolling restart; whoever does not wait for a restart is passed over."""

    REPLICAS = "the replicas, one by one"
    LEADER_IN_PLACE = "the leader, without giving its role away"
    LEADER_BY_SWITCHOVER = "the leader, after its role has moved"


def turns(wanted: Mapping[str, str], running: Mapping[str, str], *, alone: bool) -> list[Turn]:
    """Who restarts when, from the wanted values and those that the leader runs with."""
    if alone:
        return [Turn.LEADER_IN_PLACE]
    pairs = [
        (int(wanted[name]), int(running[name]))
        for name in AT_LEAST_AS_ON_THE_LEADER
        if name in wanted and name in running
    ]
    lowered = any(new < old for new, old in pairs)
    raised = any(new > old for new, old in pairs)
    if lowered:
        first = [Turn.REPLICAS] if raised else []
        return [*first, Turn.LEADER_IN_PLACE, Turn.REPLICAS]
    return [Turn.REPLICAS, Turn.LEADER_BY_SWITCHOVER]


async def give_way(cluster: Cluster, doors: Doors) -> None:
    """Have a leader that the document does not name any more hand over."""
    leader = await leader_node(cluster, doors)
    if leader is not None and leader not in cluster.nodes:
        await switch_over(cluster, doors, reason=f"{leader.name} leaves the cluster")


async def restarted(cluster: Cluster, node: Node, doors: Doors) -> None:
    """Have this node restart if it waits for that, in its turn among the others that do.

    A node that does not wait leaves the others alone: their own changes see to them.
    """
    if await _reasons(cluster, node, doors):
        await rolling_restart(cluster, doors)


async def rolling_restart(cluster: Cluster, doors: Doors) -> None:
    """Restart every node that waits for one, never two at a time. Nothing waiting is fine."""
    if not await _waiting(cluster, doors):
        return
    await give_way(cluster, doors)
    leader = await leader_node(cluster, doors)
    running = await running_parameters(cluster, leader, doors) if leader else None
    values = (running or Running()).values
    wanted = wanted_parameters(cluster, leader or cluster.nodes[0])
    for turn in turns(wanted, values, alone=len(cluster.nodes) == 1):
        await _take(turn, cluster, doors)
    left = await _waiting(cluster, doors)
    if left:
        raise Error(
            f"{_listed(left)} still wait for a restart after one",
            subject=f"database {cluster.name}",
            hint="read the nodes' postgresql logs for a parameter that could not be set",
        )


async def _take(turn: Turn, cluster: Cluster, doors: Doors) -> None:
    waiting = await _waiting(cluster, doors)
    leader = await leader_node(cluster, doors)
    if turn is Turn.REPLICAS:
        for node in waiting:
            # Somebody else may lead by the time it is a node's turn.
            if node != await leader_node(cluster, doors):
                await _restart(cluster, node, doors)
    elif leader in waiting and leader is not None:
        if turn is Turn.LEADER_BY_SWITCHOVER and await _handed_over(cluster, leader, doors):
            await _restart(cluster, leader, doors)
        else:
            await _restart_in_place(cluster, leader, doors)


async def _handed_over(cluster: Cluster, leader: Node, doors: Doors) -> bool:
    try:
        await switch_over(cluster, doors, reason=f"{leader.name} waits for a restart")
    except Conflict as error:
        doors.note(f"{leader.name} restarts in place: {error.message}")
        return False
    return True


async def _restart_in_place(cluster: Cluster, leader: Node, doors: Doors) -> None:
    await checkpoint(leader, doors)
    async with held(cluster, leader, doors, operation=f"restart of {leader.name}"):
        await _restart(cluster, leader, doors)


async def _waiting(cluster: Cluster, doors: Doors) -> dict[Node, tuple[str, ...]]:
    """Nodes that wait for a restart, with the parameters they wait for."""
    found = await asyncio.gather(*(_reasons(cluster, node, doors) for node in cluster.nodes))
    return {node: names for node, names in zip(cluster.nodes, found, strict=True) if names}


async def _reasons(cluster: Cluster, node: Node, doors: Doors) -> tuple[str, ...]:
    member, running = await asyncio.gather(
        observe_member(node, doors), running_parameters(cluster, node, doors)
    )
    return waits_for(member, running or Running())


def _listed(waiting: Mapping[Node, Iterable[str]]) -> str:
    return ", ".join(f"{node.name} ({', '.join(names)})" for node, names in waiting.items())


async def _restart(cluster: Cluster, node: Node, doors: Doors) -> None:
    names = await _reasons(cluster, node, doors)
    if not names:
        # A former leader may have restarted on its way to being a replica.
        return
    doors.note(f"{node.name} restarts for {', '.join(names)}")
    deadline_s = 120.0
    try:
        await (await doors.operator(node)).restart(node.address)
    except Conflict as error:
        # Either somebody else restarts it this very moment, which is as good, or it has failed.
        doors.note(error.message)
        deadline_s = 20.0 if "restart failed" in error.message else deadline_s
    try:
        await back_in_service(cluster, node, doors, deadline_s)
    except TimedOut as error:
        raise Error(
            f"{node.name} does not start with another {', '.join(names)}: {error.message}",
            subject=node.name,
            hint=f"read the newest log in {node.paths.log}, correct the document, and apply it",
        ) from None


async def back_in_service(
    cluster: Cluster, node: Node, doors: Doors, deadline_s: float = 120.0
) -> None:
    """Return once the node leads or streams again."""

    async def outstanding() -> str:
        member = await observe_member(node, doors)
        if in_service(member):
            return ""
        await nudge(cluster, node, doors)
        return member.state

    await until(
        outstanding,
        doors,
        deadline_s=deadline_s,
        what=f"{node.name} in service after its restart",
        hint=f"read {node.paths.log}/patroni.log",
        every_s=NUDGE_S,
    )
