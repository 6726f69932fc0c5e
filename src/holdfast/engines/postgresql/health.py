"""Is a cluster whole? Every node in service, its programs running, a standby in step."""

from __future__ import annotations

import asyncio
import json

from holdfast.core.errors import Error
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.observe_node import Member, in_service, observe_member
from holdfast.engines.postgresql.render_programs import programs
from holdfast.spec.model import Synchronous

_POLL_S = 0.2


async def ailments(cluster: Cluster, doors: Doors) -> list[str]:
    """What keeps the cluster from being whole, a clause each; empty when it is."""
    try:
        leader, members, stopped, waiting = await asyncio.gather(
            leader_name(cluster, doors),
            asyncio.gather(*(observe_member(node, doors) for node in cluster.nodes)),
            _stopped(cluster, doors),
            _without_standby(cluster, doors),
        )
    except Error as error:
        return [error.message]
    found = [] if leader else ["nobody leads"]
    for node, member in zip(cluster.nodes, members, strict=True):
        if not in_service(member):
            found.append(f"{node.name} is {member.state}")
        elif (member.role == "leader") != (node.name == leader):
            found.append(f"{node.name} and etcd disagree on who leads")
    return found + _behind(cluster, leader, members) + stopped + waiting


def _behind(
    cluster: Cluster, leader: str | None, members: tuple[Member, ...] | list[Member]
) -> list[str]:
    """Members on another timeline than the leader: they have not followed yet."""
    by_name = dict(zip((node.name for node in cluster.nodes), members, strict=True))
    if leader not in by_name or by_name[leader].timeline is None:
        return []
    timeline = by_name[leader].timeline
    return [
        f"{name} is on timeline {member.timeline}, the leader on {timeline}"
        for name, member in by_name.items()
        if in_service(member) and member.timeline not in (None, timeline)
    ]


async def _stopped(cluster: Cluster, doors: Doors) -> list[str]:
    services = await doors.host.services.status()
    wanted = [
        program.name for node in cluster.nodes for program in programs(cluster, node).values()
    ]
    return [
        f"{name} is {services[name].state if name in services else 'absent'}"
        for name in wanted
        if name not in services or services[name].state != "running"
    ]


async def _without_standby(cluster: Cluster, doors: Doors) -> list[str]:
    if cluster.tier.synchronous is Synchronous.OFF or len(cluster.nodes) < 2:
        return []
    key = await doors.etcd.get(f"{etcd_prefix(cluster.name)}sync")
    standby = (json.loads(key.value).get("sync_standby") or "") if key else ""
    return [] if standby.strip() else ["no standby is synchronous"]


async def whole_within(cluster: Cluster, doors: Doors, seconds: float) -> str:
    """Wait until the cluster is whole; what is still missing when time is up."""
    end = doors.clock.monotonic() + seconds
    while missing := await ailments(cluster, doors):
        if doors.clock.monotonic() > end:
            return "; ".join(missing)
        await doors.clock.sleep(_POLL_S)
    return ""
