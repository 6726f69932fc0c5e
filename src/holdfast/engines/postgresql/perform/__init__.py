"""Carry out one change on the real cluster.

Each function here may run twice, or be cut off anywhere and run again: it looks before it acts
and ends in the same place. It takes the change, and the cluster it belongs to; what is wanted
is rendered from the cluster once more, never read from the plan, which holds no file contents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from holdfast.core.change import Action, Change
from holdfast.core.errors import Bug
from holdfast.engines.postgresql.catalog import perform as catalog
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import to_leader
from holdfast.engines.postgresql.perform import backup, files, member, node, settings

Performer: TypeAlias = Callable[[Change, Cluster, Doors], Awaitable[None]]

_PERFORMERS: Mapping[str, Performer] = {
    "etcd-user": settings.etcd_user_and_role,
    "configuration": settings.configuration,
    "synchronous": settings.synchronous,
    "folders": files.folders,
    "certificates": files.certificates,
    "files": files.files,
    "process": node.process,
    "agent": node.process,
    "leader": node.leader,
    "member": member.member,
    "archive": backup.archive,
    "backup": backup.first_backup,
}


async def perform(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Carry out one change. Raises the errors of core; running it again is always right."""
    if change.kind == "node" and change.action is Action.DELETE:
        await node.remove(change, cluster, doors)
        return
    if change.kind in catalog.KINDS:
        await _perform_catalog(change, cluster, doors)
        return
    performer = _PERFORMERS.get(change.kind)
    if performer is None:
        raise Bug(f"nobody performs changes of kind {change.kind!r}", subject=change.target)
    await performer(change, cluster, doors)


async def _perform_catalog(change: Change, cluster: Cluster, doors: Doors) -> None:
    # Local commits, because while a strict cluster is being born there is no standby yet to wait
    # for. Nothing is declared ready before a later commit has come back through a standby, and
    # that one brings all of these along.
    connect = await to_leader(cluster, doors, synchronous=False)
    await catalog.perform(change, connect, doors.login)
