"""Which members have every acknowledged write, and who of them stays when the cluster shrinks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from holdfast.core.errors import Conflict, TimedOut
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.waiting import until


async def others_leave(cluster: Cluster, old: Node, doors: Doors) -> bool:
    """Whether a member lives, beside the old leader, that is not in the document."""
    names = await _member_names(cluster, doors)
    return bool(names - {old.name, *(node.name for node in cluster.nodes)})


@asynccontextmanager
async def in_step(cluster: Cluster, old: Node, doors: Doors) -> AsyncIterator[None]:
    """Have a replica that stays be synchronous during the body, where only leaving ones are.

    Patroni keeps to the synchronous replica that it has, unless it may have more of them.
    """
    staying = {node.name for node in cluster.nodes} - {old.name}
    synchronous = await synchronous_names(cluster, doors)
    if not synchronous or synchronous & staying:
        yield
        return
    count = len(await _member_names(cluster, doors))
    operator = await doors.operator(old)
    doors.note(f"{', '.join(sorted(synchronous))} is synchronous and leaves: others join it")

    async def outstanding() -> str:
        found = await synchronous_names(cluster, doors)
        return "" if found & staying else f"only {', '.join(sorted(found))} is synchronous"

    await operator.patch_config(old.address, {"synchronous_node_count": count})
    try:
        with _as_conflict(cluster, old):
            await until(outstanding, doors, deadline_s=60.0, what="a synchronous replica")
        yield
    finally:
        await operator.patch_config(old.address, {"synchronous_node_count": None})


@contextmanager
def _as_conflict(cluster: Cluster, old: Node) -> Iterator[None]:
    try:
        yield
    except TimedOut as error:
        raise Conflict(
            f"{old.name} cannot hand over: {error.message}",
            subject=f"database {cluster.name}",
            hint=f"look at holdfast describe {cluster.name}, and wait until a replica streams",
        ) from None


async def _member_names(cluster: Cluster, doors: Doors) -> set[str]:
    prefix = f"{etcd_prefix(cluster.name)}members/"
    return {key.removeprefix(prefix) for key in await doors.etcd.get_prefix(prefix)}


async def synchronous_names(cluster: Cluster, doors: Doors) -> set[str]:
    """Members that have every acknowledged write, as Patroni keeps it in etcd."""
    found = await doors.etcd.get(f"{etcd_prefix(cluster.name)}sync")
    if found is None:
        return set()
    names = json.loads(found.value).get("sync_standby") or ""
    return {name.strip() for name in names.split(",") if name.strip()}
