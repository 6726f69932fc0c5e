"""What is kept of a drill: figures for the evidence, and everything that was noted, packed."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any

from holdfast.core.change import Json
from holdfast.recovery.drill import Drill, Seen, Terms, checks
from holdfast.recovery.ledger import Account, Answer, Attempt, Gap, Read, Row, rhythm
from holdfast.recovery.verdict import judgement

BEFORE_S, AFTER_S = 3.0, 3.0
_LONGEST_S = 90.0
_MANY = 100


def measured(
    drill: Drill,
    seen: Seen,
    terms: Terms,
    *,
    attempts: Sequence[Attempt],
    endpoints: Iterable[str],
) -> dict[str, Json]:
    """Verdict, reasons and checks of a run with its figures: all but the single writes."""
    found = checks(drill, seen, terms)
    judged = judgement(found, drill.required)
    told: dict[str, Json] = {
        "verdict": str(judged.verdict),
        "reasons": list(judged.reasons),
        "checks": [each.to_json() for each in found],
        "drill": drill.id,
        "blast": str(drill.blast),
    }
    if seen.account is None or seen.fault_s is None:
        return told
    return (
        told
        | _story(seen, seen.fault_s)
        | _timeline(drill, seen, seen.fault_s, attempts, endpoints)
        | _account(seen.account)
    )


def _story(seen: Seen, fault_s: float) -> dict[str, Json]:
    """Who led, for how long nobody could write, and what happened when."""
    return {
        "old_leader": seen.leader_before,
        "new_leader": seen.leader_after or None,
        "timeline_before": seen.timeline_before,
        "timeline_after": seen.timeline_after,
        "gap_s": {name: _seconds(each) for name, each in seen.gaps},
        "phases": {name: each.to_json() for name, each in seen.phases},
        "timelines": [
            {"from": each.before, "to": each.after, "gap_s": round(each.seconds, 3)}
            for each in seen.switches
        ],
        "moments": [
            {"what": each.what, "at_s": round(each.at_s - fault_s, 3), "who": each.who}
            for each in seen.moments
        ],
        "redundant_after_s": _rounded(seen.redundant_after_s),
        "facts": dict(seen.facts),
    }


def _timeline(
    drill: Drill,
    seen: Seen,
    fault_s: float,
    attempts: Sequence[Attempt],
    endpoints: Iterable[str],
) -> dict[str, Json]:
    """Acknowledged writes around the fault, and the first of those that were not."""
    longest_s = max((each.seconds for _, each in seen.gaps if each), default=0.0)
    lasted_s = (seen.undone_s or fault_s) - fault_s if drill.hold_s else 0.0
    after_s = min(max(longest_s, lasted_s) + AFTER_S, _LONGEST_S)
    return {
        "per_100_ms": {
            name: rhythm(
                [each for each in attempts if each.endpoint == name],
                fault_s=fault_s,
                before_s=BEFORE_S,
                after_s=after_s,
            )
            for name in endpoints
        },
        "per_100_ms_from_s": -BEFORE_S,
        "not_acknowledged": [
            [each.endpoint, str(each.answer), round(each.ended_s - fault_s, 3), each.detail]
            for each in attempts
            if each.answer is not Answer.ACKNOWLEDGED
        ][:_MANY],
    }


def _account(account: Account) -> dict[str, Json]:
    return {
        "acknowledged": account.acknowledged,
        "failed": account.failed,
        "unknown": account.unknown,
        "unknown_present": account.unknown_present,
        "lost": len(account.lost),
        "lost_writes": [asdict(each) for each in account.lost[:_MANY]],
        "repeated": len(account.repeated),
        "misplaced": len(account.misplaced),
        "resurrected": len(account.resurrected),
        "foreign": len(account.foreign),
        "unread": len(account.unread),
        "reads": account.reads,
    }


def packed(attempts: Iterable[Attempt], reads: Iterable[Read], rows: Iterable[Row]) -> bytes:
    """Everything that was noted and read back, the same bytes for the same content."""
    content = {
        "attempts": [list(astuple(each)) for each in attempts],
        "reads": [list(astuple(each)) for each in reads],
        "rows": [list(astuple(each)) for each in rows],
    }
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)


def unpacked(data: bytes) -> tuple[tuple[Attempt, ...], tuple[Read, ...], tuple[Row, ...]]:
    """The inverse of `packed`: enough to judge the run again."""
    content: Mapping[str, Any] = json.loads(text(data))
    return (
        tuple(
            Attempt(session, number, endpoint, Answer(answer), *rest)
            for session, number, endpoint, answer, *rest in content["attempts"]
        ),
        tuple(Read(*each) for each in content["reads"]),
        tuple(Row(*each) for each in content["rows"]),
    )


def text(data: bytes) -> bytes:
    """What a packed record holds, as JSON."""
    return gzip.decompress(data)


def digest(data: bytes) -> str:
    """The SHA-256 of what a packed record holds, which its evidence names."""
    return hashlib.sha256(text(data)).hexdigest()


def _seconds(gap: Gap | None) -> float | None:
    return None if gap is None else round(gap.seconds, 3)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
