"""What stands in etcd: the cluster's user, and Patroni's dynamic configuration."""

from __future__ import annotations

import asyncio
import json

from holdfast.core.change import Change, Json
from holdfast.core.errors import Conflict
from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.cluster import Cluster, Node, etcd_password
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe_node import in_service, observe_member
from holdfast.engines.postgresql.perform.configured import configured, nudge, rounds
from holdfast.engines.postgresql.perform.restart import rolling_restart
from holdfast.engines.postgresql.render_patroni import (
    apart_from_synchronous,
    dynamic_configuration,
    only_synchronous,
)


async def etcd_user_and_role(change: Change, cluster: Cluster, doors: Doors) -> None:
    """A user that sees the cluster's own keys, and no other cluster's."""
    user = etcd_user(cluster.name)
    password = await doors.secrets.ensure(etcd_password(cluster.name))
    await doors.etcd.ensure_role(user, prefix=etcd_prefix(cluster.name))
    await doors.etcd.ensure_user(user, password, roles=(user,))


async def configuration(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Put the dynamic configuration, wait until every node has it, restart what needs it.

    Before the first start all of it is simply put: Patroni takes it over when it creates the
    cluster. Later, whom a commit waits for stays as it is here, see `synchronous`.
    """
    wanted = dynamic_configuration(cluster)
    if await doors.etcd.get(f"{etcd_prefix(cluster.name)}initialize") is None:
        await _put(cluster, wanted, doors)
        return
    present = await doors.etcd.get(f"{etcd_prefix(cluster.name)}config")
    waits = only_synchronous(json.loads(present.value)) if present else {}
    await _put(cluster, {**apart_from_synchronous(wanted), **waits}, doors)
    members = await asyncio.gather(*(observe_member(node, doors) for node in cluster.nodes))
    forgets = _forgotten(change, wanted)
    await asyncio.gather(
        *(
            _taken_over(cluster, node, doors, forgets=forgets)
            for node, member in zip(cluster.nodes, members, strict=True)
            if in_service(member)
        )
    )
    await rolling_restart(cluster, doors)


async def synchronous(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Say whom a commit waits for, now that those who are waited for are there."""
    await _put(cluster, dynamic_configuration(cluster), doors)
    for node in cluster.nodes:
        await nudge(cluster, node, doors)


async def _taken_over(cluster: Cluster, node: Node, doors: Doors, *, forgets: bool) -> None:
    if forgets:
        await rounds(cluster, node, doors)
    await configured(cluster, node, doors)


def _forgotten(change: Change, wanted: dict[str, Json]) -> bool:
    """Whether something goes that nobody wants any more: its absence cannot be asked for."""
    before = (change.before or {}).get("postgresql", {})
    gone = before.get("parameters", {}).keys() - wanted["postgresql"]["parameters"].keys()
    return bool(gone) or any(
        before.get(name) != wanted["postgresql"][name] for name in ("pg_hba", "pg_ident")
    )


async def _put(cluster: Cluster, wanted: dict[str, Json], doors: Doors) -> None:
    key = f"{etcd_prefix(cluster.name)}config"
    for _ in range(5):
        present = await doors.etcd.get(key)
        if present is not None and json.loads(present.value) == wanted:
            return
        revision = present.mod_revision if present else 0
        if await doors.etcd.compare_and_put(key, json.dumps(wanted), mod_revision=revision):
            return
    raise Conflict(
        f"somebody else keeps changing the dynamic configuration of {cluster.name}",
        subject=f"database {cluster.name}",
        hint="stop the other writer, then apply again",
    )
