"""Take a whole cluster away, with or without its backups."""

from __future__ import annotations

from holdfast.core.errors import Error
from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.perform.backup import pgbackrest
from holdfast.engines.postgresql.perform.node import destroy_node
from holdfast.engines.postgresql.render_backup import second_folder
from holdfast.engines.postgresql.repository_report import unreadable


async def destroy_cluster(cluster: Cluster, doors: Doors) -> None:
    """Stop every node, remove their folders, and the cluster's keys and user in etcd.

    Destroys all live copies of the data; the backup repository stays. Replicas go first, so
    that nobody is promoted for a moment.
    """
    leader = await leader_name(cluster, doors)
    ordinals = await ordinals_of(cluster, doors)
    for ordinal in sorted(ordinals, key=lambda each: f"{cluster.name}-{each}" == leader):
        await destroy_node(cluster, ordinal, doors)
    await doors.etcd.delete_prefix(etcd_prefix(cluster.name))
    await doors.etcd.delete_user(etcd_user(cluster.name))
    await doors.etcd.delete_role(etcd_user(cluster.name))
    await doors.host.remove(str(cluster.site.cluster(cluster.name)))


async def destroy_backups(cluster: Cluster, doors: Doors) -> None:
    """Remove the backup repository. Nothing can bring the data back after this."""
    await doors.host.remove(str(cluster.site.repository(cluster.name)))
    second = cluster.tier.backup.second
    if second is not None and second.type == "posix":
        await doors.host.remove(second_folder(cluster))
    elif second is not None:
        doors.note(
            f"the objects below {second_folder(cluster)} in bucket {second.bucket} stay: remove "
            "them with the means of the store"
        )
    doors.note(f"the backups of {cluster.name} are gone")


async def ordinals_of(cluster: Cluster, doors: Doors) -> set[int]:
    """Every node of the cluster that has a place here, in the document or not."""
    names = await doors.host.list(str(cluster.site.cluster(cluster.name)))
    return {int(name) for name in names if name.isdigit()} | {
        node.ordinal for node in cluster.nodes
    }


async def read_repository(cluster: Cluster, label: str, doors: Doors) -> None:
    """Have pgBackRest read every file of the repository against its checksum.

    Raises `Error` unless it says of every backup, `label` among them, that it is valid.
    """
    said = await pgbackrest(cluster, doors, "--output=text", "--verbose", "verify")
    if problem := unreadable(said, label):
        raise Error(
            f"the backups of {cluster.name} cannot be read back: {problem}",
            subject=f"database {cluster.name}",
            hint="nothing was deleted; look at the repository, then try again",
        )
