"""Stop a whole cluster so that everything it ever acknowledged is in the archive."""

from __future__ import annotations

import re

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import WRITE, leader_name, leader_node
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_programs import PARTS
from holdfast.system.host import program_name

_ARCHIVE_S = 300.0
_SHUT_DOWN = re.compile(r"^Database cluster state:\s+shut down$", re.MULTILINE)


async def see_archiving(cluster: Cluster, doors: Doors, *, deadline_s: float = _ARCHIVE_S) -> str:
    """Have everything up to now arrive in the archive; gives the name of the leader.

    Raises `Error` when nobody leads, `TimedOut` when the archive does not take it.
    """
    node = await leader_node(cluster, doors)
    if node is None:
        raise Error(
            f"{cluster.name} has no leader, so what it wrote last cannot be kept",
            subject=f"database {cluster.name}",
            hint="bring it back with holdfast apply, then try again",
        )
    async with doors.connect(node, synchronous=False) as connection:
        # A commit of its own: behind every moment before it there is one now, so that each can be
        # restored to; and an unused segment would not be switched.
        await connection.execute(WRITE)
        cursor = await connection.execute(
            "select pg_walfile_name(pg_create_restore_point('holdfast_archive'))"
        )
        (segment,) = await cursor.fetchone() or ("",)
        await connection.execute("select pg_switch_wal()")

        async def outstanding() -> str:
            found = await connection.execute(
                "select coalesce(last_archived_wal, '') from pg_stat_archiver"
            )
            (last,) = await found.fetchone() or ("",)
            return "" if last[:24] >= segment else f"{segment} is not archived, {last} is the last"

        await until(
            outstanding,
            doors,
            deadline_s=deadline_s,
            what=f"the newest WAL of {cluster.name} in the archive",
            hint=f"read the logs in {node.paths.log}",
        )
    return node.name


async def stop_cluster(cluster: Cluster, ordinals: set[int], leader: str, doors: Doors) -> None:
    """Stop every node, the leader last, and see that its last segment is in the archive.

    A clean shutdown ends every session, writes its checkpoint and waits for the archiver, so
    nothing acknowledged is missing. Stopped already is fine. Where the shutdown was not clean,
    everything is started again, and `Error` raised.
    """
    now = await leader_name(cluster, doors)
    last = now or leader
    in_order = sorted(ordinals, key=lambda each: f"{cluster.name}-{each}" == last)
    ordinal = in_order[-1]
    node = Node(ordinal, last, "", cluster.site.node(cluster.name, ordinal))
    try:
        for each in in_order:
            for part in reversed(PARTS):
                await doors.host.services.stop(program_name(f"{cluster.name}-{each}", part))
        problem = await _unarchived(cluster, node, doors)
    except Error as error:
        problem = error.message
    if not problem:
        doors.note(f"{last} is shut down, and everything that it wrote is in the archive")
        return
    for ordinal in reversed(in_order):
        for part in PARTS:
            await doors.host.services.start(program_name(f"{cluster.name}-{ordinal}", part))
    raise Error(
        f"{last} could not be stopped with everything archived: {problem}",
        subject=f"database {cluster.name}",
        hint="nothing was deleted, and the database is started again; delete it again later",
    )


async def _unarchived(cluster: Cluster, leader: Node, doors: Doors) -> str:
    """What keeps the stopped leader's WAL from being complete in the archive; empty if nothing."""
    told = await doors.host.run(
        [f"{cluster.installation.bindir}/pg_controldata", "-D", str(leader.paths.data)],
        user=cluster.site.os_user,
        env={"LC_ALL": "C"},
    )
    if not _SHUT_DOWN.search(told.text):
        return "its shutdown was not a clean one of a leader"
    names = await doors.host.list(str(leader.paths.data / "pg_wal" / "archive_status"))
    waiting = sorted(name.removesuffix(".ready") for name in names if name.endswith(".ready"))
    return f"{', '.join(waiting[:3])} not archived" if waiting else ""
