"""From a resolved document to a plan: placement, desired state, observed state.

The same function serves `plan`, which stops there, and `apply`, which makes the plan again and
goes on only if it is still the one that was approved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.core.change import Json, Plan
from holdfast.core.errors import Conflict
from holdfast.core.layout import FIRST_NODE_HOST, LAST_NODE_HOST
from holdfast.engines.postgresql.cluster import Cluster, nodes, refuse_long_paths
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe import Observed, observe
from holdfast.engines.postgresql.plan import plan
from holdfast.engines.postgresql.render import desired
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import Connection, databases
from holdfast.store import nodes as stored_nodes
from holdfast.workflows.platform import Platform
from holdfast.workflows.run import Run

RETAINED = "retained"
"""Phase of a database that was deleted while its backups were kept."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from."""

    cluster: Cluster
    plan: Plan
    observed: Observed


class _Taken(Exception):
    """Carries addresses out of a transaction that must not happen."""

    def __init__(self, addresses: Mapping[int, str]) -> None:
        self.addresses = addresses


def doors(platform: Platform, note: Callable[[str], None] = lambda _line: None) -> Doors:
    """The engine's doors; `note` takes a line for the operation's log."""
    return Doors(
        host=platform.host,
        etcd=platform.etcd,
        patroni=platform.patroni,
        secrets=platform.secrets,
        issuer=platform.issuer,
        identity=platform.identity,
        clock=platform.clock,
        note=note,
    )


async def planned(platform: Platform, resolved: ResolvedDatabase) -> Planned:
    """What an apply of the document would do now. Changes nothing, reserves nothing."""
    cluster = cluster_at(platform, resolved, await _addresses(platform, resolved))
    refuse_long_paths(cluster)
    return await planned_for(platform, cluster)


async def planned_for(platform: Platform, cluster: Cluster) -> Planned:
    """What an apply would do to a cluster that has its place."""
    observed = await observe(cluster, doors(platform))
    return Planned(cluster, plan(cluster.name, desired(cluster), observed.state), observed)


def cluster_at(
    platform: Platform, resolved: ResolvedDatabase, addresses: Mapping[int, str]
) -> Cluster:
    """The cluster of a document at these addresses, by ordinal."""
    return Cluster(
        resolved=resolved,
        site=platform.site,
        nodes=nodes(platform.site, resolved.name, addresses),
        installation=platform.installation(resolved.version),
    )


async def stored_cluster(platform: Platform, name: str) -> Cluster:
    """The cluster as it was last applied. Raises `NotFound`."""
    return _from_record(platform, await _record(platform, name))


async def cluster_of(run: Run) -> Cluster:
    """The cluster that an operation is about, the same in every replay. Raises `NotFound`."""
    record = await run.step("look it up", _record, run.platform, run.database)
    return _from_record(run.platform, record)


async def _record(platform: Platform, name: str) -> dict[str, Json]:
    async with platform.store.begin() as connection:
        database = await databases.get(connection, name)
        placed = await stored_nodes.of_database(connection, name)
    addresses = {str(node.ordinal): node.address for node in placed}
    return {"document": dict(database.spec), "addresses": addresses}


def _from_record(platform: Platform, record: Mapping[str, Json]) -> Cluster:
    resolved = ResolvedDatabase.from_json(record["document"])
    addresses = {
        int(ordinal): address
        for ordinal, address in record["addresses"].items()
        if int(ordinal) <= resolved.nodes
    }
    return cluster_at(platform, resolved, addresses)


async def allocate(
    connection: Connection, platform: Platform, resolved: ResolvedDatabase
) -> dict[int, str]:
    """Give every node of the document an address; the ones that have one keep it."""
    site = platform.site
    candidates = [site.address(host) for host in range(FIRST_NODE_HOST, LAST_NODE_HOST + 1)]
    return {
        ordinal: await stored_nodes.allocate(connection, resolved.name, ordinal, candidates)
        for ordinal in range(1, resolved.nodes + 1)
    }


async def _addresses(platform: Platform, resolved: ResolvedDatabase) -> Mapping[int, str]:
    """The addresses that `allocate` would give, without giving them."""
    try:
        async with platform.store.begin() as connection:
            present = await databases.find(connection, resolved.name)
            refuse_retained(present)
            if present is None:
                await databases.put(connection, resolved.name, resolved.to_json(), phase="planned")
            raise _Taken(await allocate(connection, platform, resolved))
    except _Taken as taken:
        return taken.addresses


def refuse_retained(database: databases.Database | None) -> None:
    """Raise `Conflict` for a name whose backups were kept: they belong to another system."""
    if database is not None and database.phase == RETAINED:
        raise Conflict(
            f"database {database.name} was deleted and its backups are kept",
            subject=f"database {database.name}",
            hint=f"choose another name, or remove the backups with "
            f"`holdfast delete {database.name} --purge`",
        )
