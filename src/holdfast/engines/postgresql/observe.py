"""Look at a real cluster and say what is there, in the words of the desired state.

Every part is looked at on its own and at the same time; a part that cannot be looked at is
absent from the result or says why in its attributes. Nothing here changes anything.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field

from holdfast.core.change import Json, Resource, state
from holdfast.core.errors import Error
from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.catalog import observe as catalog
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name, verifier
from holdfast.engines.postgresql.observe_backup import archive, backup
from holdfast.engines.postgresql.observe_files import files, folders
from holdfast.engines.postgresql.observe_node import Member, node_resources
from holdfast.engines.postgresql.render import (
    TAKES_WRITES,
    cluster_folders,
    cluster_templates,
    wanted_catalog,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """The state, and what was learnt besides it: who leads, and each member's own words."""

    state: dict[str, Resource]
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)


async def observe(cluster: Cluster, doors: Doors) -> Observed:
    """The observed state of the cluster. Raises `Transient` when etcd cannot be asked."""
    keys = await doors.etcd.get_prefix(etcd_prefix(cluster.name))
    services = await doors.host.services.status()
    leader_key = keys.get(f"{etcd_prefix(cluster.name)}leader")
    leader = leader_key.value if leader_key else None
    parts, looked_at = await asyncio.gather(
        asyncio.gather(
            _etcd(cluster, doors, keys),
            folders("cluster/folders", cluster_folders(cluster), cluster, doors),
            files("cluster/files", cluster_templates(cluster), doors),
            _surplus(cluster, doors),
            _led(cluster, doors, leader),
            archive(cluster, doors),
            backup(cluster, doors),
        ),
        asyncio.gather(*(node_resources(cluster, node, doors, services) for node in cluster.nodes)),
    )
    resources = [resource for part in parts for resource in part]
    resources += [resource for found, _ in looked_at for resource in found]
    members = {
        node.name: member for node, (_, member) in zip(cluster.nodes, looked_at, strict=True)
    }
    return Observed(state(resources), leader, members)


async def _etcd(cluster: Cluster, doors: Doors, keys: dict[str, Json]) -> list[Resource]:
    found = []
    if etcd_user(cluster.name) in await doors.etcd.users():
        attributes = {"user": etcd_user(cluster.name), "prefix": etcd_prefix(cluster.name)}
        found.append(Resource("etcd/user", "etcd-user", attributes))
    configuration = keys.get(f"{etcd_prefix(cluster.name)}config")
    if configuration is not None:
        found.append(Resource("configuration", "configuration", json.loads(configuration.value)))
    return found


async def _surplus(cluster: Cluster, doors: Doors) -> list[Resource]:
    """Nodes that have a folder here but no place in the document."""
    wanted = {str(node.ordinal) for node in cluster.nodes}
    names = await doors.host.list(str(cluster.site.cluster(cluster.name)))
    return [
        Resource(f"node/{name}", "node", {"name": f"{cluster.name}-{name}"})
        for name in names
        if re.fullmatch(r"[1-9]\d*", name) and name not in wanted
    ]


async def _led(cluster: Cluster, doors: Doors, leader: str | None) -> list[Resource]:
    """The leader and, through it, the catalog."""
    node = by_name(cluster, leader) if leader else None
    if node is None:
        return []
    try:
        async with doors.connect(node) as connection:
            row = await (await connection.execute("select pg_is_in_recovery()")).fetchone()
        if row is None or row[0]:
            return [Resource("leader", "leader", {"state": f"{node.name} is in recovery"})]
        found = await _catalog(cluster, doors, node)
    except Error as error:
        return [Resource("leader", "leader", {"state": error.message})]
    return [Resource("leader", "leader", {"state": TAKES_WRITES}), *found]


async def _catalog(cluster: Cluster, doors: Doors, leader: Node) -> list[Resource]:
    wanted = wanted_catalog(cluster)
    references = [
        str(each.attributes["password"]).removeprefix("secret:")
        for each in wanted
        if each.kind == "role" and each.attributes.get("password")
    ]
    known = {
        reference: await asyncio.to_thread(verifier, password)
        for reference in references
        if (password := await doors.secrets.get(reference)) is not None
    }
    return await catalog.observe(lambda name: doors.connect(leader, name), wanted, known)
