"""The questions that drills ask of a run. Each is a `Criterion` under the id of its check."""

from __future__ import annotations

from holdfast.core.units import show_duration
from holdfast.recovery.drill import Criterion, Seen, Terms
from holdfast.recovery.ledger import Account
from holdfast.recovery.verdict import Check, failed, proven, unproven

_LEAST_WRITES = 20
"""Fewer acknowledged writes before the fault than this say nothing about loss."""


def broken(account: Account, fault_s: float, rpo_s: float) -> int:
    """Lost acknowledged writes that the RPO does not allow for.

    An RPO of some seconds gives up at most what was acknowledged that long before the fault.
    """
    return sum(1 for lost in account.lost if not fault_s - rpo_s < lost.ended_s <= fault_s)


def ledger(seen: Seen, _terms: Terms) -> Check:
    """Whether there is enough to judge from."""
    if seen.account is None:
        return unproven("ledger", "the ledger could not be read back")
    if seen.acknowledged_before < _LEAST_WRITES:
        return unproven(
            "ledger",
            f"{seen.acknowledged_before} writes were acknowledged before the fault, "
            f"{_LEAST_WRITES} are needed",
        )
    kept = seen.account
    return proven(
        "ledger",
        f"{kept.acknowledged} writes acknowledged, {kept.failed} failed, {kept.unknown} unknown",
    )


def loss(seen: Seen, terms: Terms) -> Check:
    """Every acknowledged write is on the final primary, beyond what the tier gives up."""
    if seen.account is None or seen.fault_s is None:
        return unproven("loss", "the ledger could not be read back")
    beyond = broken(seen.account, seen.fault_s, terms.rpo_s)
    if beyond:
        return failed("loss", f"{beyond} acknowledged writes are lost")
    if seen.account.lost:
        return proven(
            "loss",
            f"{len(seen.account.lost)} writes of the last {show_duration(terms.rpo_s)} are lost, "
            "which the tier allows",
        )
    return proven("loss", "no acknowledged write is lost")


def order(seen: Seen, _terms: Terms) -> Check:
    """Each write once, in its session's order, and each session reads what it wrote."""
    if seen.account is None:
        return unproven("order", "the ledger could not be read back")
    account = seen.account
    wrong = [
        f"{len(keys)} {what}"
        for keys, what in (
            (account.repeated, "writes are there more than once"),
            (account.misplaced, "stand before an earlier write of their session"),
            (account.resurrected, "failed and are there"),
            (account.foreign, "rows are nobody's"),
            (account.unread, "were not there when their own session read them"),
        )
        if keys
    ]
    if wrong:
        return failed("order", ", ".join(wrong))
    read = f", and {account.reads} reads found their own write" if account.reads else ""
    return proven("order", f"every write is there once, in the order of its session{read}")


def gap(seen: Seen, terms: Terms) -> Check:
    """Writes resume on each endpoint within the tier's RTO."""
    if not seen.gaps:
        return unproven("gap", "no endpoint was written to")
    stuck = [endpoint for endpoint, each in seen.gaps if each is None]
    if stuck:
        return failed("gap", f"writes did not resume on the {' and the '.join(stuck)} endpoint")
    told = ", ".join(
        f"{show_duration(each.seconds)} {endpoint}" for endpoint, each in seen.gaps if each
    )
    worst_s = max(each.seconds for _, each in seen.gaps if each)
    if worst_s > terms.rto_s:
        return failed("gap", f"no writes for {told}; the tier allows {show_duration(terms.rto_s)}")
    return proven("gap", f"no writes for {told}")


def moved(seen: Seen, terms: Terms) -> Check:
    """Another node leads afterwards, on a later timeline; with one node, the same does again."""
    if terms.nodes < 2:
        return proven("leader", "there is one node")
    if None in (seen.timeline_before, seen.timeline_after):
        return unproven("leader", "the timelines could not be seen")
    assert seen.timeline_before is not None and seen.timeline_after is not None
    if seen.timeline_after <= seen.timeline_before:
        return failed("leader", f"{seen.leader_before} still leads: nobody took over")
    return proven(
        "leader",
        f"{seen.leader_after} leads after {seen.leader_before}, on timeline {seen.timeline_after}",
    )


def stayed(seen: Seen, _terms: Terms) -> Check:
    """The same node leads, on the same timeline: the fault was no reason for a failover."""
    if None in (seen.timeline_before, seen.timeline_after):
        return unproven("leader", "the timelines could not be seen")
    if (seen.leader_before, seen.timeline_before) != (seen.leader_after, seen.timeline_after):
        return failed(
            "leader",
            f"{seen.leader_after} leads instead of {seen.leader_before}, on timeline "
            f"{seen.timeline_after}",
        )
    return proven("leader", f"{seen.leader_before} led all the time")


def redundancy(seen: Seen, _terms: Terms) -> Check:
    """All nodes are back in service within the drill's deadline."""
    if seen.redundant_after_s is None:
        return failed("redundancy", seen.why_not_redundant or "not all nodes came back")
    return proven("redundancy", f"all nodes back after {show_duration(seen.redundant_after_s)}")


KEPT: tuple[tuple[str, Criterion], ...] = (
    ("ledger", ledger),
    ("loss", loss),
    ("order", order),
    ("gap", gap),
)
"""What holds in every drill: nothing is lost, nothing is mixed up, writes go on."""
FAILOVER = (*KEPT, ("leader", moved), ("redundancy", redundancy))
"""A fault that another node has to take over from."""
CALM = (*KEPT, ("leader", stayed), ("redundancy", redundancy))
"""A fault that must not move the leader."""
EITHER = (*KEPT, ("redundancy", redundancy))
"""A fault after which either node may lead."""
