"""The lines of a tier, and what the evidence says of each today.

A promise whose proof is overdue is `unproven`, however green the last one was; one whose last
proof failed stays `failed` until a newer one passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast.core.promise import Evidence, Promise, Verdict
from holdfast.core.units import show_bytes, show_duration
from holdfast.recovery import restore_test
from holdfast.recovery.drills import kill_primary
from holdfast.recovery.schedule import FAILOVER_DRILL, POINT_IN_TIME, RESTORE_TEST, Entry

READY = "ready"
"""The kind of evidence that an apply leaves when it has made a cluster."""
_AHEAD_S = 60.0
"""Evidence may bear a time this far ahead before the clock is to blame."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tier promises; a cadence of None means that the proof is not demanded."""

    rpo_s: float
    rto_s: float
    restore_test_every_s: float | None
    failover_drill_every_s: float | None
    point_in_time_every_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """One promise before the evidence is looked at.

    `checks` are the ids of the evidence's checks that it rests on, none for all of them.
    """

    id: str
    kind: str
    statement: str
    target: str
    every_s: float | None
    checks: tuple[str, ...] = ()


def promises(
    database: str,
    terms: Terms,
    evidence: Mapping[str, Evidence],
    now: datetime,
    entries: Iterable[Entry] = (),
) -> tuple[Promise, ...]:
    """Every promise of a database; `evidence` holds the newest of each kind.

    `entries` are its lines of the schedule. A proof that the tier does not demand is left out until
    there is one.
    """
    planned = {_KIND_OF[each.task.name]: each for each in entries if each.task.name in _KIND_OF}
    return tuple(
        _with_next(_promise(database, line, evidence.get(line.kind), now), planned.get(line.kind))
        for line in _lines(terms)
        if line.every_s is not None or line.kind == READY or line.kind in evidence
    )


def _with_next(promise: Promise, entry: Entry | None) -> Promise:
    """When it is proven again, or why it is not."""
    if entry is None:
        return promise
    if entry.start_at is not None:
        return replace(promise, next_at=entry.start_at)
    if promise.verdict is Verdict.PROVEN:
        return promise
    said = f"not scheduled: {entry.reason}"
    return replace(promise, reason=f"{promise.reason}; {said}" if promise.reason else said)


def _lines(terms: Terms) -> tuple[_Line, ...]:
    drill, restore = terms.failover_drill_every_s, terms.restore_test_every_s
    lost = (
        "no acknowledged write is lost"
        if terms.rpo_s == 0
        else f"at most {_limit(terms.rpo_s)} of acknowledged writes are lost"
    )
    rto = _limit(terms.rto_s)
    return (
        _Line("ready", READY, "declared to ready, first backup included", "measured", None),
        _Line(
            "loss",
            kill_primary.KIND,
            f"{lost} when the primary dies",
            "0 lost" if terms.rpo_s == 0 else f"<= {_limit(terms.rpo_s)}",
            drill,
            ("fault", "ledger", "loss", "order"),
        ),
        _Line(
            "resume",
            kill_primary.KIND,
            f"writes resume within {rto} when the primary dies",
            f"<= {rto}",
            drill,
            ("fault", "ledger", "gap"),
        ),
        _Line(
            "restore",
            restore_test.KIND,
            "the newest backup restores, and is whole",
            "equal",
            restore,
        ),
        _Line(
            "restore-time",
            restore_test.KIND,
            "how long that restore takes",
            "measured",
            restore,
            ("restore", "start"),
        ),
        _Line(
            "point-in-time",
            restore_test.MARKER_KIND,
            "a marker is restored to by name, position and time",
            "exactly",
            terms.point_in_time_every_s,
        ),
    )


def _limit(seconds: float) -> str:
    """A round number as people write it: `25 s`, `15 min`."""
    return f"{seconds:g} s" if 1 <= seconds < 60 else show_duration(seconds)


def _promise(database: str, line: _Line, evidence: Evidence | None, now: datetime) -> Promise:
    if evidence is None:
        return Promise(
            id=line.id,
            database=database,
            statement=line.statement,
            target=line.target,
            verdict=Verdict.UNPROVEN,
            reason="there is no evidence yet",
        )
    age_s = (now - evidence.at).total_seconds()
    verdict, reason = _now(line, evidence, age_s)
    return Promise(
        id=line.id,
        database=database,
        statement=line.statement,
        target=line.target,
        verdict=verdict,
        measured=_MEASURED[line.id](evidence.measured),
        age_s=max(0.0, age_s),
        evidence_id=evidence.id,
        reason=reason,
    )


def _now(line: _Line, evidence: Evidence, age_s: float) -> tuple[Verdict, str]:
    """The evidence's verdict on this line, unless it is too old to say anything."""
    verdict, reason = _said(line, evidence)
    if verdict is not Verdict.PROVEN:
        return verdict, reason
    if age_s < -_AHEAD_S:
        return Verdict.UNPROVEN, f"the evidence bears a time {show_duration(-age_s)} ahead"
    if line.every_s is not None and age_s > line.every_s:
        return Verdict.UNPROVEN, (
            f"overdue: proven {show_duration(age_s)} ago, due every {show_duration(line.every_s)}"
        )
    return verdict, reason


def _said(line: _Line, evidence: Evidence) -> tuple[Verdict, str]:
    if not line.checks:
        return evidence.verdict, "; ".join(evidence.reasons)
    found = {check["id"]: check for check in evidence.measured.get("checks", ())}
    said = [found[id] for id in line.checks if id in found]
    worst: Sequence[Mapping[str, Any]] = ()
    for verdict in (Verdict.FAILED, Verdict.UNPROVEN):
        worst = worst or [check for check in said if check["verdict"] == verdict]
    if worst:
        return Verdict(worst[0]["verdict"]), "; ".join(check["detail"] for check in worst)
    if len(said) < len(line.checks):
        missing = [id for id in line.checks if id not in found]
        return Verdict.UNPROVEN, f"it was not looked at: {', '.join(missing)}"
    return Verdict.PROVEN, ""


def _ready(measured: Mapping[str, Any]) -> str:
    return show_duration(measured["ready_s"]) if "ready_s" in measured else ""


def _loss(measured: Mapping[str, Any]) -> str:
    if "acknowledged" not in measured:
        return ""
    return f"{measured['lost']} of {measured['acknowledged']} lost"


def _resume(measured: Mapping[str, Any]) -> str:
    gaps = measured.get("gap_s", {})
    return ", ".join(
        f"{show_duration(seconds)} {endpoint}"
        for endpoint, seconds in gaps.items()
        if seconds is not None
    )


def _restore(measured: Mapping[str, Any]) -> str:
    if "tables" not in measured:
        return ""
    return f"{measured['tables']} tables, {measured['rows']:,} rows"


def _restore_time(measured: Mapping[str, Any]) -> str:
    if "restore_s" not in measured:
        return ""
    spent_s = measured["restore_s"] + measured.get("start_s", 0.0)
    size, wal = measured.get("size_bytes"), measured.get("wal_bytes")
    told = show_duration(spent_s) + (f" for {show_bytes(size)}" if size else "")
    return told + (f" and {show_bytes(wal)} of WAL" if wal else "")


def _point_in_time(measured: Mapping[str, Any]) -> str:
    ways = [check for check in measured.get("checks", ()) if check["verdict"] == Verdict.PROVEN]
    return f"{len(ways)} of 3 ways" if ways else ""


_KIND_OF = {
    RESTORE_TEST: restore_test.KIND,
    POINT_IN_TIME: restore_test.MARKER_KIND,
    FAILOVER_DRILL: kill_primary.KIND,
}
"""The kind of evidence that a task of the schedule leaves."""
_MEASURED = {
    "ready": _ready,
    "loss": _loss,
    "resume": _resume,
    "restore": _restore,
    "restore-time": _restore_time,
    "point-in-time": _point_in_time,
}
