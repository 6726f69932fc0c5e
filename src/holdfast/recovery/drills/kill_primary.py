"""Kill the primary with SIGKILL while clients write.

Proven if no acknowledged write is lost beyond the tier's RPO, every write is there once and in
its session's order, writes resume on each endpoint within the tier's RTO, and all nodes are back
in service within the drill's deadline.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.units import show_duration
from holdfast.recovery.ledger import Account, Gap
from holdfast.recovery.verdict import Check, Judgement, failed, judgement, proven, unproven

ID = "kill-primary"
KIND = "drill/kill-primary"
"""The kind of its evidence."""
SCOPES = ("postmaster", "node")
"""What is killed: the postmaster alone, or every process of the node."""
REQUIRED = ("fault", "ledger", "loss", "order", "gap", "redundancy")
_LEAST_WRITES = 20
"""Fewer acknowledged writes before the fault than this say nothing about loss."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run of the drill saw. Times are monotonic seconds of one clock.

    `gaps` are by endpoint, None where writes did not resume; `redundant_after_s` is None when
    not all nodes were back by the deadline. `interrupted` says why a run did not come to its end.
    """

    interrupted: str = ""
    fault_s: float | None = None
    acknowledged_before: int = 0
    account: Account | None = None
    gaps: tuple[tuple[str, Gap | None], ...] = ()
    redundant_after_s: float | None = None
    why_not_redundant: str = ""


def checks(seen: Seen, *, rpo_s: float, rto_s: float) -> tuple[Check, ...]:
    """The checks that the run came to."""
    if seen.interrupted:
        return (unproven("fault", seen.interrupted),)
    if seen.fault_s is None:
        return (unproven("fault", "nothing was killed"),)
    found = [proven("fault", "the primary was killed with SIGKILL"), _ledger(seen)]
    if seen.account is not None:
        found += [_loss(seen.account, seen.fault_s, rpo_s), _order(seen.account)]
    if seen.gaps:
        found.append(_gap(seen, rto_s))
    found.append(_redundancy(seen))
    return tuple(found)


def verdict(seen: Seen, *, rpo_s: float, rto_s: float) -> Judgement:
    """Proven only if every check of `REQUIRED` is."""
    return judgement(checks(seen, rpo_s=rpo_s, rto_s=rto_s), REQUIRED)


def broken(account: Account, fault_s: float, rpo_s: float) -> int:
    """Lost acknowledged writes that the RPO does not allow for.

    An RPO of some seconds gives up at most what was acknowledged that long before the fault.
    """
    return sum(1 for lost in account.lost if not fault_s - rpo_s < lost.ended_s <= fault_s)


def _ledger(seen: Seen) -> Check:
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


def _loss(account: Account, fault_s: float, rpo_s: float) -> Check:
    beyond = broken(account, fault_s, rpo_s)
    if beyond:
        return failed("loss", f"{beyond} acknowledged writes are lost")
    if account.lost:
        return proven(
            "loss",
            f"{len(account.lost)} writes of the last {show_duration(rpo_s)} are lost, "
            "which the tier allows",
        )
    return proven("loss", "no acknowledged write is lost")


def _order(account: Account) -> Check:
    wrong = [
        f"{len(keys)} {what}"
        for keys, what in (
            (account.repeated, "writes are there more than once"),
            (account.misplaced, "stand before an earlier write of their session"),
            (account.resurrected, "failed and are there"),
            (account.foreign, "rows are nobody's"),
        )
        if keys
    ]
    if wrong:
        return failed("order", ", ".join(wrong))
    return proven("order", "every write is there once, in the order of its session")


def _gap(seen: Seen, rto_s: float) -> Check:
    stuck = [endpoint for endpoint, each in seen.gaps if each is None]
    if stuck:
        return failed("gap", f"writes did not resume on the {' and the '.join(stuck)} endpoint")
    told = ", ".join(
        f"{show_duration(each.seconds)} {endpoint}" for endpoint, each in seen.gaps if each
    )
    worst_s = max(each.seconds for _, each in seen.gaps if each)
    if worst_s > rto_s:
        return failed("gap", f"no writes for {told}; the tier allows {show_duration(rto_s)}")
    return proven("gap", f"no writes for {told}")


def _redundancy(seen: Seen) -> Check:
    if seen.redundant_after_s is None:
        return failed("redundancy", seen.why_not_redundant or "not all nodes came back")
    return proven("redundancy", f"all nodes back after {show_duration(seen.redundant_after_s)}")
