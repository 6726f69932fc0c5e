"""Issue the certificates of a database's nodes anew, long before they end. Nothing restarts."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.observe_files import due
from holdfast.engines.postgresql.perform.files import renew
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "renew"
FIELDS: tuple[str, ...] = ()


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: `nodes`, the names of those that had a certificate to renew."""
    cluster = await cluster_of(run)
    names: list[str] = await run.step("see whose certificates are due", _due, run, cluster)
    for node in cluster.nodes:
        if node.name in names:
            await run.step(f"renew the certificates of {node.name}", _renew, run, node, cluster)
    return {"nodes": names}


async def _due(run: Run, cluster: Cluster) -> Json:
    engine = doors(run.platform, run.log)
    return [node.name for node in cluster.nodes if await due(node, engine)]


async def _renew(run: Run, node: Node, cluster: Cluster) -> Json:
    await renew(node, cluster, doors(run.platform, run.log))
