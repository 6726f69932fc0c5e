"""The planned change of leader: clients of the poolers wait, and no statement fails.

    checkpoint both      so that the old leader's shutdown has little left to write
    hold the poolers     running transactions end, new ones queue at every node
    switch over          Patroni stops the old leader, the candidate takes the key
    release              each node's agent sees the new leader take writes, and lets go

The order to hold stands in etcd under a lease. If this process dies, the lease ends and the
agents let the clients go by themselves.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from holdfast.core.errors import Conflict, Error, TimedOut
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.observe_node import in_service, observe_member
from holdfast.engines.postgresql.perform.waiting import until

HOLD_S = 30
"""The lease of an order to hold: clients never wait longer than this for a control plane."""
PAUSE_DEADLINE_S = 10.0
"""How long running transactions may take to end before the switchover is called off."""


@dataclass(frozen=True, slots=True)
class SwitchedOver:
    """What a switchover did: names, and how long clients of the poolers were held."""

    old: str
    new: str
    held_s: float


async def leader_name(cluster: Cluster, doors: Doors) -> str | None:
    """Who holds the leader key."""
    found = await doors.etcd.get(f"{etcd_prefix(cluster.name)}leader")
    return found.value if found else None


async def switch_over(
    cluster: Cluster, doors: Doors, *, reason: str, candidate: str | None = None
) -> SwitchedOver:
    """Make another member the leader.

    Raises `Conflict` when no member can take over, or when a transaction runs longer than
    `PAUSE_DEADLINE_S`; nothing has changed then.
    """
    name = await leader_name(cluster, doors)
    old = by_name(cluster, name) if name else None
    if old is None:
        raise Conflict(
            f"{cluster.name} has no leader to hand over",
            subject=f"database {cluster.name}",
            hint="wait for the failover to end, then try again",
        )
    new = await _candidate(cluster, old, candidate, doors)
    doors.note(f"{old.name} hands over to {new.name}: {reason}")
    await asyncio.gather(*(_checkpoint(node, doors) for node in (old, new)))
    begun = doors.clock.monotonic()
    async with held(cluster, old, doors, operation=reason):
        await doors.patroni.switchover(old.address, leader=old.name, candidate=new.name)
        await _leads(cluster, new, doors)
    held_s = doors.clock.monotonic() - begun
    await _follows(cluster, old, doors)
    return SwitchedOver(old.name, new.name, held_s)


async def _candidate(cluster: Cluster, old: Node, wanted: str | None, doors: Doors) -> Node:
    """The wanted member, or the first one in service; a synchronous one where there are any."""
    synchronous = await _synchronous(cluster, doors)
    others = [node for node in cluster.nodes if node is not old]
    if wanted is not None:
        others = [node for node in others if node.name == wanted]
    members = await asyncio.gather(*(observe_member(node, doors) for node in others))
    able = [
        node
        for node, member in zip(others, members, strict=True)
        if in_service(member) and (not synchronous or node.name in synchronous)
    ]
    if not able:
        raise Conflict(
            f"no member of {cluster.name} can take over from {old.name}"
            + (f": {wanted} is not a streaming member" if wanted else ""),
            subject=f"database {cluster.name}",
            hint=f"look at holdfast describe {cluster.name}, and wait until a replica streams",
        )
    return able[0]


async def _synchronous(cluster: Cluster, doors: Doors) -> set[str]:
    found = await doors.etcd.get(f"{etcd_prefix(cluster.name)}sync")
    if found is None:
        return set()
    names = json.loads(found.value).get("sync_standby") or ""
    return {name.strip() for name in names.split(",") if name.strip()}


async def _checkpoint(node: Node, doors: Doors) -> None:
    async with doors.connect(node) as connection:
        await connection.execute("checkpoint")


@asynccontextmanager
async def held(
    cluster: Cluster, leader: Node, doors: Doors, *, operation: str
) -> AsyncIterator[None]:
    """Hold the clients of all live read-write poolers while the body runs.

    Raises `Conflict` before the body when a transaction does not end in time.
    """
    prefix = etcd_prefix(cluster.name)
    lease = await doors.etcd.grant_lease(HOLD_S)
    mark = f"{operation} #{lease}"
    try:
        order = json.dumps({"operation": mark, "leader": leader.name})
        await doors.etcd.put(f"{prefix}pooler/pause", order, lease=lease)
        await _all_paused(cluster, mark, doors)
        yield
    finally:
        # Takes the order away with it; the agents release as soon as they see that.
        await doors.etcd.revoke_lease(lease)


async def _all_paused(cluster: Cluster, mark: str, doors: Doors) -> None:
    prefix = f"{etcd_prefix(cluster.name)}pooler/nodes/"
    alive = await _nodes_with_agents(cluster, doors)

    async def outstanding() -> str:
        reports = await doors.etcd.get_prefix(prefix)
        late = []
        for name in sorted(alive):
            value = reports.get(prefix + name)
            report = json.loads(value.value) if value else {}
            if report.get("operation") != mark or report.get("state") != "paused":
                late.append(f"{name} has {report.get('blockers', '?')} running transactions")
        return ", ".join(late)

    try:
        await until(
            outstanding, doors, deadline_s=PAUSE_DEADLINE_S, what="the hold", every_s=0.01
        )
    except TimedOut as error:
        raise Conflict(
            f"clients of {cluster.name} could not be held: {error.message}",
            subject=f"database {cluster.name}",
            hint="end the long transaction, or try again when it is over",
        ) from None


async def _nodes_with_agents(cluster: Cluster, doors: Doors) -> set[str]:
    services = await doors.host.services.status()
    return {
        node.name
        for node in cluster.nodes
        if all(
            (status := services.get(f"{node.name}-{part}")) is not None
            and status.state == "running"
            for part in ("agent", "pooler-rw")
        )
    }


async def _leads(cluster: Cluster, node: Node, doors: Doors) -> None:
    async def outstanding() -> str:
        if await leader_name(cluster, doors) != node.name:
            return "the leader key has not moved"
        try:
            async with doors.connect(node) as connection:
                row = await (await connection.execute("select pg_is_in_recovery()")).fetchone()
        except Error as error:
            return error.message
        return "" if row and not row[0] else "still in recovery"

    await until(outstanding, doors, deadline_s=60.0, what=f"{node.name} as leader", every_s=0.02)


async def _follows(cluster: Cluster, node: Node, doors: Doors) -> None:
    async def outstanding() -> str:
        member = await observe_member(node, doors)
        return "" if in_service(member) else member.state

    await until(
        outstanding,
        doors,
        deadline_s=120.0,
        what=f"{node.name} as replica",
        hint=f"read {node.paths.log}/patroni.log",
    )
