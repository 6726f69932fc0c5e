"""Bring a member back to what the document says: in service, and nothing set by hand."""

from __future__ import annotations

import contextlib

from psycopg import sql

from holdfast.core.change import Change
from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.observe_node import (
    Member,
    in_service,
    observe_member,
    rules,
    settings,
)
from holdfast.engines.postgresql.perform.files import node_of
from holdfast.engines.postgresql.perform.restart import rolling_restart
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_patroni import hba_rules, ident_rules

_HEADER = "# Written by Holdfast; changes by hand are put back.\n"
NUDGE_S = 0.25
STUCK_S = 45.0
"""A replica that has not begun to stream after this long is copied anew."""


async def member(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Wait for the member, help it where it does not come by itself, then undo what was set."""
    node = node_of(change, cluster)
    assert node is not None
    await _end_orphan(node, doors)
    await _come_into_service(cluster, node, doors)
    if await _rewrite_rules(cluster, node, doors) | await _reset_settings(node, doors):
        await doors.host.run(
            [f"{cluster.installation.bindir}/pg_ctl", "reload", "-D", str(node.paths.data)],
            user=cluster.site.os_user,
        )
    await rolling_restart(cluster, doors)


async def _come_into_service(cluster: Cluster, node: Node, doors: Doors) -> None:
    begun = doors.clock.monotonic()
    copied_anew = False

    async def outstanding() -> str:
        nonlocal copied_anew
        member = await observe_member(node, doors)
        if in_service(member):
            return ""
        await _nudge(cluster, node, doors)
        stuck = doors.clock.monotonic() - begun > STUCK_S
        if stuck and not copied_anew and await _may_be_copied(cluster, node, member, doors):
            copied_anew = True
            doors.note(
                f"{node.name} is {member.state!r} for {STUCK_S:g} s: its data are thrown away "
                "and copied anew from the leader"
            )
            await _copy_anew(node, doors)
        return member.state

    await until(
        outstanding,
        doors,
        deadline_s=300.0,
        what=f"{node.name} in service",
        hint=f"read {node.paths.log}/patroni.log",
        every_s=NUDGE_S,
    )


async def _nudge(cluster: Cluster, node: Node, doors: Doors) -> None:
    """Have the node's Patroni look now instead of at its next round.

    A new replica takes several rounds: see the leader, copy, start, be told of. Setting a value
    to what it is writes nothing, and wakes Patroni up.
    """
    with contextlib.suppress(Error):
        await doors.patroni.patch_config(
            node.address, {"loop_wait": cluster.tier.timing.loop_wait_s}
        )


async def _may_be_copied(cluster: Cluster, node: Node, member: Member, doors: Doors) -> bool:
    """Only a replica that Patroni runs, and only while somebody else leads."""
    leader = await leader_name(cluster, doors)
    busy = ("creating replica", "initializing new cluster", "running custom bootstrap script")
    return leader not in (None, node.name) and member.role == "replica" and member.state not in busy


async def _copy_anew(node: Node, doors: Doors) -> None:
    try:
        await doors.patroni.reinitialize(node.address)
    except Error as error:
        doors.note(f"{node.name}: {error.message}")


async def _end_orphan(node: Node, doors: Doors) -> None:
    """End a postmaster whose data folder is gone: it holds the port and can save nothing."""
    if await doors.host.stat(str(node.paths.data / "PG_VERSION")) is not None:
        return
    lock = await doors.host.read(str(node.paths.run / ".s.PGSQL.5432.lock"))
    if lock is None:
        return
    lines = lock.decode(errors="replace").split("\n")
    if len(lines) < 2 or not lines[0].isdigit() or lines[1] != str(node.paths.data):
        return
    doors.note(f"{node.name}: its data folder is gone, process {lines[0]} is ended")
    await doors.host.run(["kill", "-QUIT", lines[0]], check=False)


async def _rewrite_rules(cluster: Cluster, node: Node, doors: Doors) -> bool:
    changed = False
    for name, wanted in (
        ("pg_hba.conf", hba_rules(cluster)),
        ("pg_ident.conf", ident_rules(cluster)),
    ):
        path = str(node.paths.data / name)
        if rules(await doors.host.read(path)) == wanted:
            continue
        text = _HEADER + "".join(f"{rule}\n" for rule in wanted)
        await doors.host.write(path, text.encode(), mode=0o600, owner=cluster.site.os_user)
        doors.note(f"{node.name}: {name} is as the document says again")
        changed = True
    return changed


async def _reset_settings(node: Node, doors: Doors) -> bool:
    found = settings(await doors.host.read(str(node.paths.data / "postgresql.auto.conf")))
    if not found:
        return False
    async with doors.connect(node) as connection:
        for name in found:
            reset = sql.SQL("alter system reset {}").format(
                sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
            )
            await connection.execute(reset)
            doors.note(f"{node.name}: {name} was set by ALTER SYSTEM and is reset")
    return True
