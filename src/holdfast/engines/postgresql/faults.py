"""Faults that a drill causes, each aimed at processes of this moment and at no later ones.

A process is named by pid and start, so that a fault that is asked for again, by a control plane
that died in between, meets the process it was aimed at or nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.core.change import Json
from holdfast.core.errors import Conflict
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.postmaster import (
    ProcessId,
    identified,
    running_postmaster,
)
from holdfast.engines.postgresql.render_programs import programs
from holdfast.system.clock import Clock
from holdfast.system.host import Host

# One shell compares and kills, so that hardly a moment lies between the two.
_STRIKE = (
    'for each in "$@"; do pid=${each%%:*}; read -r line 2>/dev/null <"/proc/$pid/stat" || continue;'
    ' set -- ${line##*) }; [ "${20}" = "${each#*:}" ] && found="$found $pid"; done;'
    ' [ -n "$found" ] && kill -KILL $found'
)


@dataclass(frozen=True, slots=True)
class Aim:
    """What will be hit: the postmaster of a node, and its other processes with scope `node`."""

    node: str
    scope: str
    postmaster: ProcessId
    others: tuple[ProcessId, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, the inverse of `from_json`."""
        return {
            "node": self.node,
            "scope": self.scope,
            "postmaster": [self.postmaster.pid, self.postmaster.start],
            "others": [[each.pid, each.start] for each in self.others],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Aim:
        """The inverse of `to_json`."""
        others = tuple(ProcessId(*each) for each in data["others"])
        return cls(data["node"], data["scope"], ProcessId(*data["postmaster"]), others)


async def aim(cluster: Cluster, node: Node, host: Host, *, scope: str) -> Aim:
    """The processes of a node as they are now. Raises `Conflict` when its server does not run."""
    postmaster = await running_postmaster(node.paths.data, host)
    if postmaster is None:
        raise Conflict(
            f"{node.name} has no running server to kill",
            subject=f"node {node.name}",
            hint=f"look at `holdfast describe {cluster.name}`",
        )
    if scope != "node":
        return Aim(node.name, scope, postmaster)
    services = await host.services.status()
    pids = [
        status.pid
        for program in programs(cluster, node).values()
        if (status := services.get(program.name)) is not None and status.pid is not None
    ]
    pids += await _children(postmaster.pid, host)
    found = await asyncio.gather(*(identified(pid, host) for pid in pids))
    return Aim(node.name, scope, postmaster, tuple(each for each in found if each))


async def strike(aim: Aim, host: Host, clock: Clock, *, user: str) -> float:
    """SIGKILL for everything that is aimed at, all at once; the monotonic moment before it.

    `user` is whose processes they are: nobody else's can be hit.

    Raises `Conflict` when the postmaster that was aimed at is gone already.
    """
    if await identified(aim.postmaster.pid, host) != aim.postmaster:
        raise Conflict(
            f"the server of {aim.node} is not the one that was to be killed",
            subject=f"node {aim.node}",
            hint="run the drill again when the cluster is quiet",
        )
    # Patroni first: it would notice its server's end, and be ahead of its own.
    targets = [f"{each.pid}:{each.start}" for each in (*aim.others, aim.postmaster)]
    moment = clock.monotonic()
    await host.run(["sh", "-c", _STRIKE, "sh", *targets], user=user, check=False)
    return moment


async def _children(pid: int, host: Host) -> list[int]:
    content = await host.read(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in (content or b"").split()]
