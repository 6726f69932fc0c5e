"""One run of the drill `kill-primary`: write, kill, go on writing, count.

start the clients   every session has acknowledged writes, direct and pooled
kill                the processes that were aimed at, and no others
go on               until each session is acknowledged again and every node is back
read back           on the node that leads then
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error
from holdfast.engines.postgresql import faults, ledger
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.endpoints import Role, login, uri
from holdfast.engines.postgresql.health import ailments
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.observe_node import observe_member
from holdfast.engines.postgresql.postmaster import running_postmaster
from holdfast.recovery.drills.kill_primary import Seen
from holdfast.recovery.ledger import Answer, Attempt, Row, account, gap, rhythm

SESSIONS = 4
"""On each of the two endpoints."""
PAUSE_S = 0.01
_WARM_WRITES = 10
_WARM_WITHIN_S = 30.0
_WARM_S = 1.5
"""How long clients write beyond that, so that the rhythm before the fault is to be seen."""
_SETTLED_S = 0.5
"""A killed server's sessions may still answer for a moment; later answers are somebody else's."""
_BEFORE_S, _AFTER_S = 3.0, 3.0
_POLL_S = 0.2
_BACK_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run saw, and raw figures for the evidence."""

    seen: Seen
    raw: dict[str, Json] = field(default_factory=dict)


async def aim_at_leader(cluster: Cluster, doors: Doors, *, scope: str) -> faults.Aim:
    """The processes to kill. Raises `Conflict` when nobody leads."""
    leader = await leader_of(cluster, doors)
    return await faults.aim(cluster, leader, doors.host, scope=scope)


async def run(cluster: Cluster, doors: Doors, aim: faults.Aim) -> Outcome:
    """Kill what was aimed at while clients write. Raises before the fault only."""
    old = by_name(cluster, aim.node)
    assert old is not None
    before = await observe_member(old, doors)
    endpoints = await _endpoints(cluster, doors)
    async with ledger.keeping(
        endpoints, doors.clock, site_id=cluster.site.id, pause_s=PAUSE_S
    ) as book:
        if not await book.until(
            lambda session: session.acknowledged >= _WARM_WRITES, deadline_s=_WARM_WITHIN_S
        ):
            raise Conflict(
                f"not every client of {cluster.name} could write within {_WARM_WITHIN_S:g} s",
                subject=f"database {cluster.name}",
                hint="nothing was killed; look at the endpoints",
            )
        await doors.clock.sleep(_WARM_S)
        fault_s = await faults.strike(aim, doors.host, doors.clock, user=cluster.site.os_user)
        hit = f"all {1 + len(aim.others)} processes" if aim.others else "the postmaster"
        doors.note(f"killed {hit} of {aim.node}")
        try:
            return await _watched(cluster, doors, old, aim, book, fault_s, before.timeline)
        except Error as error:
            return Outcome(Seen(interrupted=error.message, fault_s=fault_s))


async def _watched(
    cluster: Cluster,
    doors: Doors,
    old: Node,
    aim: faults.Aim,
    book: ledger.Ledger,
    fault_s: float,
    timeline: int | None,
) -> Outcome:
    """From the fault to the account."""
    whole_s, why_not = await _recovered(cluster, old, aim, book, doors, fault_s)
    await doors.clock.sleep(_SETTLED_S)
    end_s = doors.clock.monotonic()
    attempts = await book.stop()
    leader, rows = await _read_back(cluster, doors)
    after = await observe_member(leader, doors) if leader else None
    raw: dict[str, Json] = {
        "old_leader": aim.node,
        "new_leader": leader.name if leader else None,
        "timeline_before": timeline,
        "timeline_after": after.timeline if after else None,
    }
    return _outcome(attempts, rows, fault_s, end_s, whole_s, why_not, raw)


async def all_back(cluster: Cluster, doors: Doors, *, within_s: float = _BACK_WITHIN_S) -> str:
    """Wait until the cluster is whole; what is still missing when time is up."""
    end = doors.clock.monotonic() + within_s
    while missing := await ailments(cluster, doors):
        if doors.clock.monotonic() > end:
            return "; ".join(missing)
        await doors.clock.sleep(_POLL_S)
    return ""


async def leader_of(cluster: Cluster, doors: Doors) -> Node:
    """The node that leads now. Raises `Conflict` when nobody does."""
    name = await leader_name(cluster, doors)
    node = by_name(cluster, name) if name else None
    if node is None:
        raise Conflict(
            f"{cluster.name} has no leader",
            subject=f"database {cluster.name}",
            hint=f"look at `holdfast describe {cluster.name}`",
        )
    return node


async def _endpoints(cluster: Cluster, doors: Doors) -> list[ledger.Endpoint]:
    role = login(cluster, Role.RW)
    password = await doors.secrets.ensure(role.password)
    leader = await leader_name(cluster, doors)
    database = cluster.spec.databases[0].name
    return [
        ledger.Endpoint(
            name,
            uri(
                cluster,
                role.user,
                password,
                database=database,
                pooled=name == "pooled",
                leader=leader,
            ),
            SESSIONS,
        )
        for name in ("direct", "pooled")
    ]


async def _recovered(
    cluster: Cluster,
    old: Node,
    aim: faults.Aim,
    book: ledger.Ledger,
    doors: Doors,
    fault_s: float,
) -> tuple[float | None, str]:
    """When all nodes were back (monotonic), or what was missing at the deadline."""
    deadline_s = cluster.tier.rto_s + _BACK_WITHIN_S
    resumed_from = fault_s + _SETTLED_S

    async def whole() -> tuple[float | None, str]:
        end = fault_s + deadline_s
        while missing := await _missing(cluster, old, aim, doors):
            if doors.clock.monotonic() > end:
                return None, "; ".join(missing)
            await doors.clock.sleep(_POLL_S)
        doors.note(f"all nodes are back after {doors.clock.monotonic() - fault_s:.1f} s")
        return doors.clock.monotonic(), ""

    async def resumed() -> None:
        if await book.until(lambda each: each.last_s > resumed_from, deadline_s=deadline_s):
            doors.note(f"all clients write again after {doors.clock.monotonic() - fault_s:.1f} s")

    try:
        (whole_s, why_not), _ = await asyncio.gather(whole(), resumed())
    except Error as error:
        return None, error.message
    return whole_s, why_not


async def _missing(cluster: Cluster, old: Node, aim: faults.Aim, doors: Doors) -> list[str]:
    # Until the killed server has a successor, what Patroni and etcd say may be of before.
    if await running_postmaster(old.paths.data, doors.host) in (None, aim.postmaster):
        return [f"{old.name} has no server yet"]
    return await ailments(cluster, doors)


async def _read_back(cluster: Cluster, doors: Doors) -> tuple[Node | None, tuple[Row, ...] | None]:
    try:
        leader = await leader_of(cluster, doors)
        async with doors.connect(leader, cluster.spec.databases[0].name) as connection:
            return leader, await ledger.read_back(connection)
    except Error as error:
        doors.note(f"the ledger could not be read back: {error.message}")
        return None, None


def _outcome(
    attempts: tuple[Attempt, ...],
    rows: tuple[Row, ...] | None,
    fault_s: float,
    end_s: float,
    whole_s: float | None,
    why_not: str,
    raw: dict[str, Json],
) -> Outcome:
    found = None if rows is None else account(attempts, rows)
    by_endpoint = {
        name: [each for each in attempts if each.endpoint == name] for name in ("direct", "pooled")
    }
    gaps = tuple((name, gap(of, fault_s=fault_s, end_s=end_s)) for name, of in by_endpoint.items())
    longest_s = max((each.seconds for _, each in gaps if each), default=0.0)
    seen = Seen(
        fault_s=fault_s,
        acknowledged_before=sum(
            1 for each in attempts if each.answer is Answer.ACKNOWLEDGED and each.ended_s <= fault_s
        ),
        account=found,
        gaps=gaps,
        redundant_after_s=None if whole_s is None else whole_s - fault_s,
        why_not_redundant=why_not,
    )
    after_s = min(longest_s + _AFTER_S, 60.0)
    raw |= {
        "sessions": 2 * SESSIONS,
        "per_100_ms": {
            name: rhythm(of, fault_s=fault_s, before_s=_BEFORE_S, after_s=after_s)
            for name, of in by_endpoint.items()
        },
        "per_100_ms_from_s": -_BEFORE_S,
        "not_acknowledged": [
            [each.endpoint, str(each.answer), round(each.ended_s - fault_s, 3), each.detail]
            for each in attempts
            if each.answer is not Answer.ACKNOWLEDGED
        ][:100],
    }
    return Outcome(seen, raw)
