"""Ports that a node's programs need and somebody else has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from holdfast.core.finding import Finding, Severity
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.render_programs import PORTS
from holdfast.system.host import ServiceStatus, program_name

PORT_IN_USE = "plan.port-in-use"


async def occupied(
    cluster: Cluster, doors: Doors, services: Mapping[str, ServiceStatus]
) -> list[Finding]:
    """A finding for each port that keeps a program of the cluster from starting."""
    wanted = [
        (node, port)
        for node in cluster.nodes
        for part, ports in PORTS.items()
        if not _runs(services.get(program_name(node.name, part)))
        for port in ports
    ]
    found = await asyncio.gather(*(_occupied(doors, node, port) for node, port in wanted))
    return [finding for finding in found if finding is not None]


def _runs(status: ServiceStatus | None) -> bool:
    return status is not None and status.state == "running"


async def _occupied(doors: Doors, node: Node, port: int) -> Finding | None:
    stranger = await doors.host.stranger(node.address, port)
    if stranger is None:
        return None
    return Finding(
        PORT_IN_USE,
        Severity.WARNING,
        f"node {node.name}",
        f"port {port} on {node.address}, which {node.name} needs, is in use by {stranger}",
        "stop that program, then apply",
    )
