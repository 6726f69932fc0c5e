"""Take a whole cluster away, with or without its backups."""

from __future__ import annotations

from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.perform.backup import pgbackrest
from holdfast.engines.postgresql.perform.node import destroy_node


async def destroy_cluster(cluster: Cluster, doors: Doors) -> None:
    """Stop every node, remove their folders, and the cluster's keys and user in etcd.

    Destroys all live copies of the data; the backup repository stays. Replicas go first, so
    that nobody is promoted for a moment.
    """
    leader = await leader_name(cluster, doors)
    names = await doors.host.list(str(cluster.site.cluster(cluster.name)))
    ordinals = {int(name) for name in names if name.isdigit()} | {
        node.ordinal for node in cluster.nodes
    }
    for ordinal in sorted(ordinals, key=lambda each: f"{cluster.name}-{each}" == leader):
        await destroy_node(cluster, ordinal, doors)
    await doors.etcd.delete_prefix(etcd_prefix(cluster.name))
    await doors.etcd.delete_user(etcd_user(cluster.name))
    await doors.etcd.delete_role(etcd_user(cluster.name))
    await doors.host.remove(str(cluster.site.cluster(cluster.name)))


async def destroy_backups(cluster: Cluster, doors: Doors) -> None:
    """Remove the backup repository. Nothing can bring the data back after this."""
    await doors.host.remove(str(cluster.site.repository(cluster.name)))
    doors.note(f"the backups of {cluster.name} are gone")


async def read_repository(cluster: Cluster, doors: Doors) -> str:
    """Have pgBackRest read every file of the repository against its checksum; gives its words.

    Raises `Error` when one is missing or damaged.
    """
    return await pgbackrest(cluster, doors, "verify")
