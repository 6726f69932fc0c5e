"""Carry out changes on the real cluster.

Each function here may run twice, or be cut off anywhere and run again: it looks before it acts
and ends in the same place. It takes a change, and the cluster it belongs to; what is wanted
is rendered from the cluster once more, never read from the plan, which holds no file contents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from holdfast.core.change import Action, Change
from holdfast.core.errors import Bug, Error
from holdfast.engines.postgresql.catalog import perform as catalog
from holdfast.engines.postgresql.catalog.doors import reusing
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


async def perform(changes: Sequence[Change], cluster: Cluster, doors: Doors) -> None:
    """Carry out changes one after the other; those of the catalog share their connections.

    Raises the errors of core; running it again is always right.
    """
    if all(change.kind in catalog.KINDS for change in changes):
        # Local commits, because while a strict cluster is being born there is no standby yet to
        # wait for. Nothing is declared ready before a later commit has come back through a
        # standby, and that one brings all of these along.
        connect = await to_leader(cluster, doors, synchronous=False)
        async with reusing(connect) as shared:
            for change in changes:
                with naming(change, of=len(changes)):
                    await catalog.perform(change, shared, doors.login)
        return
    for change in changes:
        await _performer(change)(change, cluster, doors)


@contextmanager
def naming(change: Change, *, of: int) -> Iterator[None]:
    """Put the change's id before the message of what goes wrong with it, as one of several."""
    try:
        yield
    except Error as error:
        if of > 1:
            error.message = f"{change.id}: {error.message}"
        raise


def _performer(change: Change) -> Performer:
    if change.kind == "node" and change.action is Action.DELETE:
        return node.remove
    performer = _PERFORMERS.get(change.kind)
    if performer is None:
        raise Bug(f"nobody performs changes of kind {change.kind!r}", subject=change.target)
    return performer
