"""Start programs, wait for a leader, take a node out of the cluster."""

from __future__ import annotations

import contextlib

import psycopg

from holdfast.core.change import Change
from holdfast.core.errors import Bug, Conflict, Error, Refused, TimedOut, Transient
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import WRITE, leader_node
from holdfast.engines.postgresql.observe_node import in_service, observe_member
from holdfast.engines.postgresql.perform.configured import NUDGE_S, nudge
from holdfast.engines.postgresql.perform.files import node_of
from holdfast.engines.postgresql.perform.restart import back_in_service, give_way
from holdfast.engines.postgresql.perform.switchover import held, switch_over
from holdfast.engines.postgresql.perform.synchronous import synchronous_names
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_patroni import dynamic_configuration
from holdfast.engines.postgresql.render_programs import PARTS, programs
from holdfast.spec.model import Synchronous
from holdfast.system.host import Program, program_name


async def process(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Define the program and have it run. A running Patroni's node is waited for afterwards."""
    node = node_of(change, cluster)
    assert node is not None
    part = change.target.rsplit("/", 1)[1]
    program = programs(cluster, node)[part]
    services = doors.host.services
    running = (await services.status()).get(program.name)
    redefined = not await services.matches(program)
    if part == "patroni" and redefined and running and running.state == "running":
        await _restart_patroni(node, program, cluster, doors)
        return
    await services.ensure(program)
    await services.start(program.name)


async def _restart_patroni(node: Node, program: Program, cluster: Cluster, doors: Doors) -> None:
    """PostgreSQL stops and starts with it, so a leader hands over first, or its clients wait."""
    before = await observe_member(node, doors)
    async with contextlib.AsyncExitStack() as stack:
        if before.role == "leader" and not await _handed_over(node, cluster, doors):
            reason = f"patroni of {node.name} restarts"
            await stack.enter_async_context(held(cluster, node, doors, operation=reason))
        await doors.host.services.ensure(program)
        await doors.host.services.start(program.name)
        if in_service(before):
            await back_in_service(cluster, node, doors)


async def _handed_over(node: Node, cluster: Cluster, doors: Doors) -> bool:
    if len(cluster.nodes) == 1:
        return False
    try:
        await switch_over(cluster, doors, reason=f"patroni of {node.name} restarts")
    except Conflict as error:
        doors.note(f"{node.name} keeps its role while it restarts: {error.message}")
        return False
    return True


async def leader(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Wait until a leader takes writes; strict synchronous commits are not waited for here."""
    await give_way(cluster, doors)

    async def outstanding() -> str:
        node = await leader_node(cluster, doors)
        if node is None:
            await _refuse_lost(cluster, doors)
            return "no leader is elected"
        try:
            async with doors.connect(node) as connection:
                row = await (await connection.execute("select pg_is_in_recovery()")).fetchone()
        except (Error, psycopg.Error) as error:
            return str(error)
        return "" if row and not row[0] else f"{node.name} is still in recovery"

    await until(
        outstanding,
        doors,
        deadline_s=120.0,
        what=f"a leader of {cluster.name}",
        hint=f"read {cluster.nodes[0].paths.log}/patroni.log",
    )


async def _refuse_lost(cluster: Cluster, doors: Doors) -> None:
    """Raise `Refused` where there was a cluster and not one node has data any more."""
    born = await doors.etcd.get(f"{etcd_prefix(cluster.name)}initialize")
    if born is None or not born.value:
        # Empty while the first node is being made.
        return
    stats = [await doors.host.stat(str(each.paths.data / "PG_VERSION")) for each in cluster.nodes]
    if any(stats):
        return
    raise Refused(
        f"no node of {cluster.name} has its data any more, so there is nothing to start from",
        subject=f"database {cluster.name}",
        hint="restore the database from its backups",
    )


async def remove(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Take a node out: hand over if it leads, stop its programs, forget its keys, its folder.

    Destroys the node's copy of the data. The other nodes hold it too, and so does the archive.
    """
    ordinal = int(change.target.split("/")[1])
    name = f"{cluster.name}-{ordinal}"
    if any(node.ordinal == ordinal for node in cluster.nodes):
        raise Bug(f"{name} is in the document and is not to be removed", subject=name)
    await give_way(cluster, doors)
    await _demand_leader(cluster, name, doors)
    await stop_node(cluster, ordinal, doors)
    # Its folder goes only now that the others do without it.
    await _demand_leader(cluster, name, doors)
    await _demand_standby(cluster, name, doors)
    await destroy_node(cluster, ordinal, doors)
    await _forget_slot(cluster, name, doors)


async def _demand_leader(cluster: Cluster, leaving: str, doors: Doors) -> None:
    """Raise `Transient` unless a node of the document leads, in service, and takes writes."""
    node = await leader_node(cluster, doors)
    problem = f"{node.name} leads, and leaves, too" if node else "nobody leads"
    if node is not None and node in cluster.nodes:
        problem = await _no_writes(node, doors)
    if problem:
        raise Transient(
            f"{leaving} is kept, because it may hold the only copy of the newest writes: {problem}",
            subject=leaving,
            hint="apply again when one of the nodes that stay leads",
        )


async def _no_writes(node: Node, doors: Doors) -> str:
    """Why a leader takes no writes; empty when it does."""
    member = await observe_member(node, doors)
    if member.role != "leader" or not in_service(member):
        return f"{node.name} is {member.state}"
    try:
        # The commit waits for no standby: which of them has it is asked for elsewhere.
        async with doors.connect(node, synchronous=False) as connection:
            await connection.execute(WRITE)
    except (Error, psycopg.Error) as error:
        return " ".join(str(error).split())
    return ""


async def _demand_standby(cluster: Cluster, leaving: str, doors: Doors) -> None:
    """Wait until one of the staying replicas is synchronous, where the tier has such.

    Patroni names another one once the leaving one is gone. Raises `Transient` when it does not.
    """
    if cluster.tier.synchronous is Synchronous.OFF or len(cluster.nodes) < 2:
        return
    staying = {node.name for node in cluster.nodes}

    async def outstanding() -> str:
        if staying & await synchronous_names(cluster, doors):
            return ""
        for node in cluster.nodes:
            await nudge(cluster, node, doors)
        return "no replica that stays is synchronous"

    try:
        await until(
            outstanding, doors, deadline_s=30.0, what="a synchronous replica", every_s=NUDGE_S
        )
    except TimedOut as error:
        raise Transient(
            f"{leaving} is stopped and its folder kept: {error.message}",
            subject=leaving,
            hint="apply again when a replica that stays streams",
        ) from None


async def _forget_slot(cluster: Cluster, name: str, doors: Doors) -> None:
    """Have the slot of a node that is gone for good dropped at once.

    Patroni keeps the slots of absent members for a while, and with them the WAL that these would
    need. It forgets them all as soon as it is told to keep none.
    """
    slot = name.replace("-", "_")
    node = await leader_node(cluster, doors)
    if node is None:
        return
    kept = dynamic_configuration(cluster)["member_slots_ttl"]

    async def outstanding() -> str:
        holders = [each.name for each in cluster.nodes if await _has_slot(each, slot, doors)]
        for each in cluster.nodes if holders else ():
            await nudge(cluster, each, doors)
        return f"{', '.join(holders)} still has it" if holders else ""

    if not await outstanding():
        return
    operator = await doors.operator(node)
    await operator.patch_config(node.address, {"member_slots_ttl": 0})
    try:
        await until(
            outstanding, doors, deadline_s=60.0, what=f"the end of slot {slot}", every_s=NUDGE_S
        )
    finally:
        await operator.patch_config(node.address, {"member_slots_ttl": kept})


async def _has_slot(node: Node, slot: str, doors: Doors) -> bool:
    try:
        async with doors.connect(node) as connection:
            found = await connection.execute(
                "select from pg_replication_slots where slot_name = %s", [slot]
            )
            return await found.fetchone() is not None
    except (Error, psycopg.Error):
        # A node that is down comes back without: Patroni drops what nobody has told it to keep.
        return False


async def stop_node(cluster: Cluster, ordinal: int, doors: Doors) -> None:
    """Stop everything of a node for good; its folder stays."""
    for part in reversed(PARTS):
        await doors.host.services.remove(program_name(f"{cluster.name}-{ordinal}", part))


async def destroy_node(cluster: Cluster, ordinal: int, doors: Doors) -> None:
    """Stop everything of a node and remove what it had on this host and in etcd."""
    name = f"{cluster.name}-{ordinal}"
    await stop_node(cluster, ordinal, doors)
    for key in (f"members/{name}", f"pooler/nodes/{name}"):
        await doors.etcd.delete(etcd_prefix(cluster.name) + key)
    await doors.host.remove(str(cluster.site.node(cluster.name, ordinal).root))
    doors.note(f"{name} is gone: its programs, its folder, its keys")
