"""The planned change of leader: clients of the poolers wait, and no statement fails.

    checkpoint all       so that the old leader's shutdown has little left to write
    mark the stop        so that the node's own script makes it quick, see `render_patroni`
    hold the poolers     running transactions end, new ones queue at every node
    switch over          Patroni stops the old leader, a synchronous member takes the key
    release              each node's agent sees the new leader take writes, and lets go

No candidate is named unless somebody asks for one, or a member lives that the document does not
name any more and that must not lead: with a candidate, Patroni has every other member sleep for
two seconds, and in a strict cluster commits wait for one of them.

The order to hold stands in etcd under a lease. If this process dies, the lease ends and the
agents let the clients go by themselves.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from holdfast.core.errors import Conflict, Error, NotFound, TimedOut
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.leadership import leader_name, leader_node
from holdfast.engines.postgresql.observe_node import Member, in_service, observe_member
from holdfast.engines.postgresql.perform.synchronous import (
    in_step,
    others_leave,
    synchronous_names,
)
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_patroni import planned_mark

HOLD_S = 30
"""The lease of an order to hold: clients never wait longer than this for a control plane."""
ABLE_DEADLINE_S = 10.0
"""How long a member that is to take over may take to stream."""
PAUSE_DEADLINE_S = 10.0
"""How long running transactions may take to end before the switchover is called off."""


@dataclass(frozen=True, slots=True)
class SwitchedOver:
    """What a switchover did: names, and how long clients of the poolers were held."""

    old: str
    new: str
    held_s: float


async def switch_over(
    cluster: Cluster,
    doors: Doors,
    *,
    reason: str,
    candidate: str | None = None,
    leader: str | None = None,
) -> SwitchedOver:
    """Make another member the leader.

    Raises `Conflict` when somebody else than `leader` leads, when no member can take over, or
    when a transaction runs longer than `PAUSE_DEADLINE_S`; nothing has changed then.
    """
    old = await leader_node(cluster, doors)
    if old is None:
        raise Conflict(
            f"{cluster.name} has no leader to hand over",
            subject=f"database {cluster.name}",
            hint="wait for the failover to end, then try again",
        )
    refuse_needless(cluster, old, candidate)
    if leader not in (None, old.name):
        raise Conflict(
            f"{old.name} leads {cluster.name}, and not {leader} any more",
            subject=f"database {cluster.name}",
        )
    if not await others_leave(cluster, old, doors):
        able = await _able(cluster, old, candidate, doors)
        return await _hand_over(cluster, old, able, doors, reason=reason, candidate=candidate)
    # Left to itself, Patroni might choose one that is on its way out, too.
    async with in_step(cluster, old, doors):
        first = (await _able(cluster, old, candidate, doors))[0]
        return await _hand_over(cluster, old, [first], doors, reason=reason, candidate=first.name)


def refuse_needless(cluster: Cluster, leader: Node, candidate: str | None) -> None:
    """Raise `Conflict` or `NotFound` when nobody there is to take over, whatever their state."""
    names = [node.name for node in cluster.nodes]
    subject = f"database {cluster.name}"
    if candidate is not None and candidate not in names:
        raise NotFound(
            f"{cluster.name} has no node {candidate!r}",
            subject=subject,
            hint=f"choose one of {', '.join(names)}",
        )
    if names == [leader.name]:
        raise Conflict(
            f"{leader.name} is the only node of {cluster.name}: there is nobody to hand over to",
            subject=subject,
            hint="write `nodes: 2` or more into its document, and apply it",
        )
    if candidate == leader.name:
        raise Conflict(
            f"{candidate} leads {cluster.name} already",
            subject=subject,
            hint=f"choose one of {', '.join(name for name in names if name != candidate)}, or "
            "leave --to away",
        )


async def _hand_over(
    cluster: Cluster,
    old: Node,
    able: list[Node],
    doors: Doors,
    *,
    reason: str,
    candidate: str | None,
) -> SwitchedOver:
    doors.note(f"{old.name} hands over to {' or '.join(node.name for node in able)}: {reason}")
    await asyncio.gather(*(checkpoint(node, doors) for node in (old, *able)))
    mark = str(planned_mark(old))
    await doors.host.write(mark, b"", mode=0o600, owner=cluster.site.os_user)
    begun = doors.clock.monotonic()
    try:
        async with held(cluster, old, doors, operation=reason):
            new = await _moved(cluster, old, candidate, doors)
        held_s = doors.clock.monotonic() - begun
    finally:
        await doors.host.remove(mark)
    await _follows(cluster, old, doors)
    return SwitchedOver(old.name, new.name, held_s)


async def _moved(cluster: Cluster, old: Node, candidate: str | None, doors: Doors) -> Node:
    """Ask for the switchover and return the new leader as soon as it takes writes.

    Patroni answers about half a second later than that; its answer counts when it is a refusal.
    """
    operator = await doors.operator(old)
    asked = asyncio.create_task(
        operator.switchover(old.address, leader=old.name, candidate=candidate)
    )
    leads = asyncio.create_task(_new_leader(cluster, old, doors))
    try:
        await asyncio.wait({asked, leads}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            asked.result()
        new = await leads
        await asked
    finally:
        asked.cancel()
        leads.cancel()
    return new


async def _able(cluster: Cluster, old: Node, wanted: str | None, doors: Doors) -> list[Node]:
    """The wanted member, or those in service; synchronous ones only, where there are any.

    The one that has received the most comes first. A member may be between two states for a
    moment, after a restart or a change of leader, and is waited for; nobody is held meanwhile.
    """
    others = [node for node in cluster.nodes if node is not old and wanted in (None, node.name)]
    able: list[Node] = []

    async def outstanding() -> str:
        synchronous = await synchronous_names(cluster, doors)
        members = await asyncio.gather(*(observe_member(node, doors) for node in others))
        found = dict(zip(others, members, strict=True))
        able[:] = sorted(
            (node for node, member in found.items() if _can_lead(node, member, synchronous)),
            key=lambda node: (-(found[node].wal_position or 0), node.ordinal),
        )
        return "" if able else ", ".join(_why_not(node, found[node]) for node in others)

    if others:
        with suppress(TimedOut):
            await until(outstanding, doors, deadline_s=ABLE_DEADLINE_S, what="a member")
    if not able:
        reasons = await outstanding() or "it is the only member"
        raise Conflict(
            f"no member of {cluster.name} can take over from {old.name}: {reasons}",
            subject=f"database {cluster.name}",
            hint=f"look at holdfast describe {cluster.name}, and wait until a replica streams",
        )
    return able


def _can_lead(node: Node, member: Member, synchronous: set[str]) -> bool:
    return in_service(member) and (not synchronous or node.name in synchronous)


def _why_not(node: Node, member: Member) -> str:
    if in_service(member):
        return f"{node.name} streams, but is not synchronous and may lack the last writes"
    return f"{node.name} is {member.state or 'unreachable'}"


async def checkpoint(node: Node, doors: Doors) -> None:
    """Write out what the server holds, so that its next stop has little to write."""
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
        await _all_paused(cluster, leader, mark, doors)
        yield
    finally:
        # Takes the order away with it; the agents release as soon as they see that.
        await doors.etcd.revoke_lease(lease)


async def _all_paused(cluster: Cluster, leader: Node, mark: str, doors: Doors) -> None:
    prefix = f"{etcd_prefix(cluster.name)}pooler/nodes/"
    alive = await _nodes_with_agents(cluster, leader, doors)

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
        await until(outstanding, doors, deadline_s=PAUSE_DEADLINE_S, what="the hold", every_s=0.01)
    except TimedOut as error:
        raise Conflict(
            f"clients of {cluster.name} could not be held: {error.message}",
            subject=f"database {cluster.name}",
            hint="end the long transaction, or try again when it is over",
        ) from None


async def _nodes_with_agents(cluster: Cluster, leader: Node, doors: Doors) -> set[str]:
    services = await doors.host.services.status()
    return {
        node.name
        for node in {*cluster.nodes, leader}
        if all(
            (status := services.get(f"{node.name}-{part}")) is not None
            and status.state == "running"
            for part in ("agent", "pooler-rw")
        )
    }


async def _new_leader(cluster: Cluster, old: Node, doors: Doors) -> Node:
    found: Node | None = None

    async def outstanding() -> str:
        nonlocal found
        name = await leader_name(cluster, doors)
        found = by_name(cluster, name) if name else None
        if found is None or found is old:
            return f"the leader key is with {name}" if name else "nobody leads"
        try:
            async with doors.connect(found) as connection:
                row = await (await connection.execute("select pg_is_in_recovery()")).fetchone()
        except Error as error:
            return error.message
        return "" if row and not row[0] else f"{name} is still in recovery"

    await until(
        outstanding, doors, deadline_s=60.0, what=f"a new leader of {cluster.name}", every_s=0.02
    )
    assert found is not None
    return found


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
