"""Put folders, certificates and rendered files in place, and tell the programs that read them."""

from __future__ import annotations

import asyncio

from holdfast.core.change import Change
from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe_files import certificate_fault
from holdfast.engines.postgresql.render import (
    Template,
    cluster_folders,
    cluster_templates,
    node_certificates,
    node_folders,
    node_templates,
)
from holdfast.engines.postgresql.render_programs import programs


def node_of(change: Change, cluster: Cluster) -> Node | None:
    """The node that a target such as `node/2/files` belongs to; None for the cluster's own."""
    parts = change.target.split("/")
    if parts[0] != "node":
        return None
    return next(node for node in cluster.nodes if str(node.ordinal) == parts[1])


async def folders(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Make the folders with their owner and mode."""
    node = node_of(change, cluster)
    wanted = cluster_folders(cluster) if node is None else node_folders(node)
    for path, mode in wanted.items():
        await doors.host.make_folder(path, mode=mode, owner=cluster.site.os_user)


async def files(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Write the files that differ, then have their readers read them again."""
    node = node_of(change, cluster)
    wanted = cluster_templates(cluster) if node is None else node_templates(cluster, node)
    written = [path for path, each in wanted.items() if await _write(path, each, cluster, doors)]
    if node is not None and written:
        await _reload(node, written, cluster, doors)


async def _write(path: str, template: Template, cluster: Cluster, doors: Doors) -> bool:
    text = await doors.fill(template.text, make=True)
    assert text is not None
    stat = await doors.host.stat(path)
    as_wanted = stat and (stat.mode, stat.owner) == (template.mode, cluster.site.os_user)
    if as_wanted and await doors.host.read(path) == text.encode():
        return False
    await doors.host.write(path, text.encode(), mode=template.mode, owner=cluster.site.os_user)
    return True


async def _reload(node: Node, written: list[str], cluster: Cluster, doors: Doors) -> None:
    """Patroni by its API, PgBouncer by a signal, the agent by a restart. None may be running."""
    services = await doors.host.services.status()
    for part, program in programs(cluster, node).items():
        status = services.get(program.name)
        if status is None or status.pid is None:
            continue
        if part == "patroni" and any(path.endswith("patroni.yml") for path in written):
            await _reload_patroni(node, doors)
        elif part in ("pooler-rw", "pooler-ro") and any(part[-2:] in path for path in written):
            await _hang_up(status.pid, cluster, doors)
        elif part == "agent" and any("node.json" in each or "etcd" in each for each in written):
            await doors.host.services.restart(program.name)


async def _hang_up(pid: int, cluster: Cluster, doors: Doors) -> None:
    """Send HUP, as the user of the node's programs: nobody else's process is meant."""
    await doors.host.run(["kill", "-HUP", str(pid)], user=cluster.site.os_user, check=False)


async def _reload_patroni(node: Node, doors: Doors) -> None:
    try:
        await (await doors.operator(node)).reload(node.address)
    except Error as error:
        # One that does not answer reads its file when it starts; a hung one is found by `member`.
        doors.note(f"{node.name}: patroni was not told of its new file: {error.message}")


async def certificates(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Issue the certificates that are missing or at fault; the key never leaves the node."""
    node = node_of(change, cluster)
    assert node is not None
    await renew(node, cluster, doors)


async def renew(node: Node, cluster: Cluster, doors: Doors) -> None:
    """Issue what is due on one node, and have its programs read it; none of them restarts.

    They are told whatever was due: who died between the last file and the signal comes here
    again, and finds no fault any more.
    """
    for wanted in node_certificates(node):
        if await certificate_fault(wanted, doors) == "":
            continue
        certificate, private = doors.issuer.issue(wanted.common_name, wanted.addresses)
        owner = cluster.site.os_user
        await doors.host.write(f"{wanted.path}.key", private, mode=0o600, owner=owner)
        await doors.host.write(f"{wanted.path}.crt", certificate, mode=0o644, owner=owner)
    services = await doors.host.services.status()
    await asyncio.gather(
        *(
            _hang_up(status.pid, cluster, doors)
            for program in programs(cluster, node).values()
            if (status := services.get(program.name))
            and status.pid
            # The agent takes HUP for its end; it reads its files at every connection.
            and not program.name.endswith("-agent")
        )
    )
