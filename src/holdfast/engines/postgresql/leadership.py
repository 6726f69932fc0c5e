"""Who leads, and connections to whoever does."""

from __future__ import annotations

from holdfast.core.errors import Transient
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.catalog.doors import Connect
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors, by_name


async def leader_name(cluster: Cluster, doors: Doors) -> str | None:
    """Who holds the leader key; None when nobody does."""
    found = await doors.etcd.get(f"{etcd_prefix(cluster.name)}leader")
    return found.value if found else None


async def to_leader(cluster: Cluster, doors: Doors, *, synchronous: bool = True) -> Connect:
    """Opens superuser connections to the present leader, by logical database.

    Raises `Transient` while nobody leads.
    """
    name = await leader_name(cluster, doors)
    node = by_name(cluster, name) if name else None
    if node is None:
        raise Transient(
            f"{cluster.name} has no leader", subject=f"database {cluster.name}", retry_after_s=1.0
        )
    return lambda database: doors.connect(node, database, synchronous=synchronous)
