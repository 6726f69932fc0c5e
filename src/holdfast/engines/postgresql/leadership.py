"""Who leads, and connections to whoever does."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from holdfast.core.errors import Conflict, Transient
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.catalog.doors import Connect
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name

WRITE = "select pg_logical_emit_message(true, 'holdfast', 'probe')"
"""A message in the WAL: a write that commits, waits for its standby and leaves nothing behind."""


async def leader_name(cluster: Cluster, doors: Doors) -> str | None:
    """Who holds the leader key; None when nobody does."""
    found = await doors.etcd.get(f"{etcd_prefix(cluster.name)}leader")
    return found.value if found else None


async def leader_node(cluster: Cluster, doors: Doors) -> Node | None:
    """The node that holds the leader key; one, too, that the document does not name any more."""
    name = await leader_name(cluster, doors)
    if name is None:
        return None
    if known := by_name(cluster, name):
        return known
    member = await doors.etcd.get(f"{etcd_prefix(cluster.name)}members/{name}")
    return leaving_node(cluster, name, member.value if member else None)


async def leader_of(cluster: Cluster, doors: Doors) -> Node:
    """The node that leads now. Raises `Conflict` when nobody does."""
    node = await leader_node(cluster, doors)
    if node is None:
        raise Conflict(
            f"{cluster.name} has no leader",
            subject=f"database {cluster.name}",
            hint=f"look at `holdfast describe {cluster.name}`",
        )
    return node


def leaving_node(cluster: Cluster, name: str, member: str | None) -> Node | None:
    """A member outside of the document, from what Patroni has written down of it. Pure."""
    match = re.fullmatch(rf"{re.escape(cluster.name)}-([1-9]\d*)", name)
    if match is None or member is None:
        return None
    address = urlsplit(json.loads(member).get("api_url", "")).hostname
    ordinal = int(match[1])
    paths = cluster.site.node(cluster.name, ordinal)
    return Node(ordinal, name, address, paths) if address else None


async def to_leader(cluster: Cluster, doors: Doors, *, synchronous: bool = True) -> Connect:
    """Opens superuser connections to the present leader, by logical database.

    Raises `Transient` while nobody leads.
    """
    node = await leader_node(cluster, doors)
    if node is None:
        raise Transient(
            f"{cluster.name} has no leader", subject=f"database {cluster.name}", retry_after_s=1.0
        )
    return lambda database: doors.connect(node, database, synchronous=synchronous)
