"""Look at a real cluster and say what is there, in the words of the desired state.

Every part is looked at on its own and at the same time; a part that cannot be looked at is
absent from the result or says why in its attributes. Nothing here changes anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import psycopg

from holdfast.core.change import Json, Resource, state
from holdfast.core.errors import Error, Forbidden, Transient
from holdfast.core.finding import Finding
from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.catalog import observe as catalog
from holdfast.engines.postgresql.catalog.doors import Connect
from holdfast.engines.postgresql.catalog.leftovers import leftovers
from holdfast.engines.postgresql.cluster import POSTGRES, Cluster, Node, etcd_password
from holdfast.engines.postgresql.doors import Connection, Doors, by_name, verifier
from holdfast.engines.postgresql.leadership import leaving_node
from holdfast.engines.postgresql.observe_backup import A_FULL_BACKUP, archive, backup
from holdfast.engines.postgresql.observe_files import files, folders
from holdfast.engines.postgresql.observe_node import Member, node_resources
from holdfast.engines.postgresql.observe_ports import occupied
from holdfast.engines.postgresql.render import (
    HAS_TO_LEAVE,
    NOBODY_LEADS,
    TAKES_WRITES,
    cluster_folders,
    cluster_templates,
    wanted_catalog,
)
from holdfast.engines.postgresql.render_patroni import apart_from_synchronous, only_synchronous
from holdfast.engines.postgresql.render_programs import PARTS
from holdfast.system.etcd import Value
from holdfast.system.host import ServiceStatus


@dataclass(frozen=True, slots=True)
class Observed:
    """The state, and what was learnt besides it: who leads, and each member's own words.

    `unseen` are ids of resources that are most likely there and could not be looked at, because
    nobody takes writes. `findings` are about what stands in the cluster and is left alone.
    """

    state: dict[str, Resource]
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    unseen: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()


async def observe(cluster: Cluster, doors: Doors) -> Observed:
    """The observed state of the cluster.

    Raises `Transient` when etcd or the supervisor cannot be asked.
    """
    keys = await doors.etcd.get_prefix(etcd_prefix(cluster.name))
    services = await doors.host.services.status()
    if not services:
        # At the least it runs etcd, which has just answered.
        raise Transient("the supervisor does not answer", hint="run holdfast up")
    shared = _configuration(cluster, keys).get("postgresql", {}).get("parameters", {})
    leader_key = keys.get(f"{etcd_prefix(cluster.name)}leader")
    leader = leader_key.value if leader_key else None
    parts, (led, findings), ports, looked_at = await asyncio.gather(
        asyncio.gather(
            _etcd(cluster, doors, keys),
            folders("cluster/folders", cluster_folders(cluster), cluster, doors),
            files("cluster/files", cluster_templates(cluster), cluster, doors),
            _surplus(cluster, doors, services),
            archive(cluster, doors),
            backup(cluster, doors),
        ),
        _led(cluster, doors, keys, leader),
        occupied(cluster, doors, services),
        asyncio.gather(
            *(node_resources(cluster, node, doors, services, shared) for node in cluster.nodes)
        ),
    )
    resources = [*led, *(resource for part in parts for resource in part)]
    resources += [resource for found, _ in looked_at for resource in found]
    members = {
        node.name: member for node, (_, member) in zip(cluster.nodes, looked_at, strict=True)
    }
    found = state(resources)
    return Observed(found, leader, members, _unseen(cluster, found), (*findings, *ports))


def _unseen(cluster: Cluster, found: Mapping[str, Resource]) -> frozenset[str]:
    """The catalog's ids while nobody takes writes, in a cluster that was complete before.

    What was never made has to be planned as new: a backup is the last thing that a new cluster
    gets, and the first to say that this one is not new.
    """
    leads = found.get("leader")
    complete = found.get("backup")
    if complete is None or complete.attributes["state"] != A_FULL_BACKUP:
        return frozenset()
    if leads is not None and leads.attributes["state"].endswith((TAKES_WRITES, HAS_TO_LEAVE)):
        return frozenset()
    return frozenset(each.id for each in wanted_catalog(cluster))


async def _etcd(cluster: Cluster, doors: Doors, keys: Mapping[str, Value]) -> list[Resource]:
    user, found = etcd_user(cluster.name), []
    may = await doors.etcd.reach(user)
    if may is not None:
        password = await _etcd_password(cluster, doors, keys)
        attributes = {"user": user, "may": may, "password": password}
        found.append(Resource("etcd/user", "etcd-user", attributes))
    if configuration := _configuration(cluster, keys):
        rest = apart_from_synchronous(configuration)
        found.append(Resource("configuration", "configuration", rest))
        found.append(Resource("synchronous", "synchronous", only_synchronous(configuration)))
    return found


async def _etcd_password(cluster: Cluster, doors: Doors, keys: Mapping[str, Value]) -> str:
    """The desired reference, unless etcd turns that password away.

    Trying it is dear, and needless while somebody leads: that takes a login.
    """
    reference = etcd_password(cluster.name)
    if f"{etcd_prefix(cluster.name)}leader" not in keys:
        password = await doors.secrets.get(reference)
        if password is None or not await doors.etcd.accepts(etcd_user(cluster.name), password):
            return "changed"
    return f"secret:{reference}"


def _configuration(cluster: Cluster, keys: Mapping[str, Value]) -> dict[str, Json]:
    found = keys.get(f"{etcd_prefix(cluster.name)}config")
    return dict(json.loads(found.value)) if found else {}


async def _surplus(
    cluster: Cluster, doors: Doors, services: Mapping[str, ServiceStatus]
) -> list[Resource]:
    """Nodes that have a folder or a program here but no place in the document."""
    names = await doors.host.list(str(cluster.site.cluster(cluster.name)))
    ordinals = {name for name in names if re.fullmatch(r"[1-9]\d*", name)}
    program = re.compile(rf"{re.escape(cluster.name)}-([1-9]\d*)-({'|'.join(PARTS)})")
    ordinals |= {match[1] for name in services if (match := program.fullmatch(name))}
    return [
        Resource(f"node/{ordinal}", "node", {"name": f"{cluster.name}-{ordinal}"})
        for ordinal in sorted(ordinals - {str(node.ordinal) for node in cluster.nodes}, key=int)
    ]


async def _led(
    cluster: Cluster, doors: Doors, keys: Mapping[str, Value], leader: str | None
) -> tuple[list[Resource], list[Finding]]:
    """The leader and, through it, the catalog."""
    born = f"{etcd_prefix(cluster.name)}initialize" in keys
    node = by_name(cluster, leader) if leader else None
    if node is None and leader is not None:
        member = keys.get(f"{etcd_prefix(cluster.name)}members/{leader}")
        node = leaving_node(cluster, leader, member.value if member else None)
    if node is None:
        return ([_leader(NOBODY_LEADS)] if born else []), []
    try:
        async with contextlib.AsyncExitStack() as stack:
            connect = _kept(stack, node, doors)
            async with connect(POSTGRES) as connection:
                row = await (await connection.execute("select pg_is_in_recovery()")).fetchone()
            if row is None or row[0]:
                return [_leader(f"{node.name} is in recovery")], []
            found, findings = await _catalog(cluster, doors, connect)
    except (Error, psycopg.Error) as error:
        # In the middle of a failover a connection may end at any point.
        said = error.message if isinstance(error, Forbidden) else f"{node.name} does not answer"
        return [_leader(said)], []
    state = TAKES_WRITES if node in cluster.nodes else f"{node.name} {HAS_TO_LEAVE}"
    return [_leader(state), *found], findings


def _leader(state: str) -> Resource:
    return Resource("leader", "leader", {"state": state})


def _kept(stack: contextlib.AsyncExitStack, node: Node, doors: Doors) -> Connect:
    """Opens one connection a logical database, and gives it to whoever asks next, one by one."""
    kept: dict[str, Connection] = {}

    @contextlib.asynccontextmanager
    async def connect(name: str) -> AsyncIterator[Connection]:
        if name not in kept:
            kept[name] = await stack.enter_async_context(doors.connect(node, name))
        yield kept[name]

    return connect


async def _catalog(
    cluster: Cluster, doors: Doors, connect: Connect
) -> tuple[list[Resource], list[Finding]]:
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
    found = await catalog.observe(connect, wanted, known)
    return found, await leftovers(connect, wanted)
