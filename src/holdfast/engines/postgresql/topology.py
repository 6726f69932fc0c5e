"""Who is what in a cluster, asked of every node at once."""

from __future__ import annotations

import asyncio

from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe_node import Member, observe_member


async def topology(cluster: Cluster, doors: Doors) -> dict[str, Member]:
    """Every node's member by name; one that does not answer is `unreachable`."""
    found = await asyncio.gather(*(observe_member(node, doors) for node in cluster.nodes))
    return {node.name: member for node, member in zip(cluster.nodes, found, strict=True)}
