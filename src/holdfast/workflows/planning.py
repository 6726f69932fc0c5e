"""From a resolved document to a plan: placement, desired state, observed state.

The same function serves `plan`, which stops there, and `apply`, which makes the plan again and
goes on only if it is still the one that was approved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from holdfast.core.change import Action, Change, Json, Plan
from holdfast.core.errors import Conflict
from holdfast.core.finding import Finding, Severity
from holdfast.core.layout import FIRST_NODE_HOST, LAST_NODE_HOST
from holdfast.engines.postgresql.catalog.render_database import database_id
from holdfast.engines.postgresql.cluster import Cluster, nodes, refuse_long_paths
from holdfast.engines.postgresql.doors import Doors, Remembered
from holdfast.engines.postgresql.observe import Observed, observe
from holdfast.engines.postgresql.observe_backup import A_FULL_BACKUP
from holdfast.engines.postgresql.plan import DOCUMENT, plan
from holdfast.engines.postgresql.render import NOBODY_LEADS, desired
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import Connection, databases
from holdfast.store import nodes as stored_nodes
from holdfast.workflows.platform import Platform
from holdfast.workflows.run import Run

GONE = "plan.database-gone"
"""The finding of a logical database that is gone with its data; `database` is its name."""
READY = "ready"
"""Phase of a database whose last apply was confirmed."""
RETAINED = "retained"
"""Phase of a database that was deleted while its backups were kept."""
DELETING = "deleting"
"""Phase of a database from the moment that something of it may be missing."""
RETAINING = "retaining"
"""The same, of one whose backups are proven and to be kept."""
DELETED = frozenset({RETAINED, RETAINING, DELETING})
"""Phases of a database that is deleted, or half so."""
RESTORING = "restoring"
"""Phase of a database whose data are being replaced, or brought for the first time."""
FAILED = "failed"
"""Phase of a database whose last apply failed, until one is confirmed."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from.

    What `observed.unseen` names is not in the plan; `findings` say so, and what else is worth
    knowing. `unconfirmed` is whether the last apply failed: another one is worth its while even
    with nothing left to change.
    """

    cluster: Cluster
    plan: Plan
    observed: Observed
    unconfirmed: bool = False
    notes: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """None of them is an error."""
        return (*_out_of_sight(self), *self.notes, *self.observed.findings)


def _out_of_sight(planned: Planned) -> Iterator[Finding]:
    count = len(planned.observed.unseen)
    if not count:
        return
    leader = planned.observed.state.get("leader")
    state = leader.attributes["state"] if leader else NOBODY_LEADS
    yield Finding(
        "plan.out-of-sight",
        Severity.WARNING,
        f"database {planned.cluster.name}",
        f"{count} roles, grants and the like could not be looked at ({state}); they are not in "
        "this plan",
        "apply all the same: once a leader takes writes, what differs there is put right, too",
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a database's nodes would stand, and its recorded document and phase."""

    addresses: Mapping[int, str]
    document: Mapping[str, Json] | None
    phase: str | None


class _Placed(Exception):
    """Carries places out of a transaction that must not happen."""

    def __init__(self, places: Sequence[_Place]) -> None:
        self.places = places


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
    (only,) = await planned_together(platform, [resolved])
    return only


async def planned_together(
    platform: Platform, documents: Sequence[ResolvedDatabase]
) -> list[Planned]:
    """As `planned`, for several databases, of which no two get one address."""
    placed = await _placed(platform, documents)
    clusters = [
        cluster_at(platform, resolved, place.addresses)
        for resolved, place in zip(documents, placed, strict=True)
    ]
    for cluster in clusters:
        refuse_long_paths(cluster)
    made = await asyncio.gather(*(planned_for(platform, each) for each in clusters))
    return [
        replace(
            _with_document(each, place.document),
            unconfirmed=place.phase == FAILED,
            notes=tuple(gone(each, place.document, place.phase)),
        )
        for each, place in zip(made, placed, strict=True)
    ]


def _with_document(planned: Planned, before: Mapping[str, Json] | None) -> Planned:
    """The plan, preceded by the document itself where it is another than the one applied last.

    Not everything in a document is seen on a node: its owner, its labels, its deletion policy.
    """
    if before is None:
        return planned
    after = planned.cluster.resolved.to_json()
    # As this release reads it: a field that has come or gone since is no change of the document.
    before = ResolvedDatabase.from_json(before).to_json()
    if before == after:
        return planned
    before, after = _readable(before, after), _readable(after, before)
    taken_over = Change(
        id="update document",
        kind=DOCUMENT,
        action=Action.UPDATE,
        target="document",
        before=before,
        after=after,
        reason="the document says something else than the one that was applied last",
        undo="apply the earlier document",
    )
    plan = Plan(planned.plan.database, (taken_over, *planned.plan.changes))
    return replace(planned, plan=plan)


def gone(
    planned: Planned, document: Mapping[str, Json] | None, phase: str | None
) -> Iterator[Finding]:
    """Logical databases that were there and are not: an apply makes them, and makes them empty.

    `document` and `phase` are those of the last apply.
    """
    backup = planned.observed.state.get("backup")
    backed_up = backup is not None and backup.attributes["state"] == A_FULL_BACKUP
    if document is None or not (phase == READY or backed_up):
        # It was never complete, so what is not there was not there before.
        return
    made = {change.id for change in planned.plan.changes}
    for name in (each["name"] for each in document["database"]["databases"]):
        if f"create {database_id(name)}" in made:
            yield Finding(
                GONE,
                Severity.WARNING,
                f"database {planned.cluster.name}",
                f"the logical database {name!r} is gone with its data: somebody has dropped it, "
                "and an apply makes it anew and EMPTY",
                "where the data are wanted, do not apply before you have them from a backup; else "
                f"apply with --recreate-empty {name}",
                evidence={"database": name},
            )


def _readable(document: Mapping[str, Json], other: Mapping[str, Json]) -> dict[str, Json]:
    """The document with what it leaves open, without what follows from its tier's or size's name.

    Where the same name means something else now, that is shown.
    """
    shown = {key: document["database"][key] for key in document["database"]} | {
        "version": document["version"],
        "nodes": document["nodes"],
        "connections": document["maxConnections"],
    }
    for each in ("tier", "size"):
        if document[each]["name"] == other[each]["name"]:
            shown[f"the meaning of {each} {document[each]['name']}"] = document[each]
    return shown


async def planned_for(platform: Platform, cluster: Cluster) -> Planned:
    """What an apply would do to a cluster that has its place."""
    engine = doors(platform)
    observed = await observe(cluster, replace(engine, secrets=Remembered(engine.secrets)))
    wanted = {id: each for id, each in desired(cluster).items() if id not in observed.unseen}
    leader = next((node.ordinal for node in cluster.nodes if node.name == observed.leader), None)
    return Planned(cluster, plan(cluster.name, wanted, observed.state, leader=leader), observed)


def cluster_at(
    platform: Platform, resolved: ResolvedDatabase, addresses: Mapping[int, str]
) -> Cluster:
    """The cluster of a document at these addresses, by ordinal; those beyond it are reserved."""
    there = {ordinal: each for ordinal, each in addresses.items() if ordinal <= resolved.nodes}
    return Cluster(
        resolved=resolved,
        site=platform.site,
        nodes=nodes(platform.site, resolved.name, there),
        installation=platform.installation(resolved.version),
        reserved=tuple(addresses[each] for each in sorted(addresses.keys() - there.keys())),
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
    addresses = {int(ordinal): address for ordinal, address in record["addresses"].items()}
    return cluster_at(platform, resolved, addresses)


async def allocate(
    connection: Connection, platform: Platform, resolved: ResolvedDatabase
) -> dict[int, str]:
    """Give every node of the document an address; the ones that have one keep it.

    The nodes that the tier allows besides have one reserved: a URI that is given out today names
    the node that leads tomorrow. Nothing is given back before the database is deleted.
    """
    site, name = platform.site, resolved.name
    candidates = [site.address(host) for host in range(FIRST_NODE_HOST, LAST_NODE_HOST + 1)]
    given = {
        ordinal: await stored_nodes.allocate(connection, name, ordinal, candidates)
        for ordinal in range(1, resolved.nodes + 1)
    }
    for ordinal in range(resolved.nodes + 1, resolved.tier.nodes.max + 1):
        address = await stored_nodes.reserve(connection, name, ordinal, candidates)
        if address is not None:
            given[ordinal] = address
    return given


async def _placed(platform: Platform, documents: Sequence[ResolvedDatabase]) -> Sequence[_Place]:
    """The addresses that `allocate` would give, without giving them, and what is recorded now."""
    try:
        async with platform.store.begin() as connection:
            raise _Placed([await _place(connection, platform, each) for each in documents])
    except _Placed as placed:
        return placed.places


async def _place(connection: Connection, platform: Platform, resolved: ResolvedDatabase) -> _Place:
    present = await databases.find(connection, resolved.name)
    refuse_deleted(present)
    if present is None:
        await databases.put(connection, resolved.name, resolved.to_json(), phase="planned")
    addresses = await allocate(connection, platform, resolved)
    if present is None:
        return _Place(addresses, None, None)
    return _Place(addresses, present.spec, present.phase)


def refuse_deleted(database: databases.Database | None) -> None:
    """Raise `Conflict` for a name that is deleted, or half so: its backups are of its own past."""
    if database is None or database.phase not in DELETED:
        return
    became = (
        "was deleted and its backups are kept"
        if database.phase == RETAINED
        else "is being deleted, and that has not come to its end"
    )
    raise Conflict(
        f"database {database.name} {became}",
        subject=f"database {database.name}",
        hint=f"choose another name, or remove everything of it with "
        f"`holdfast delete {database.name} --purge`",
    )
