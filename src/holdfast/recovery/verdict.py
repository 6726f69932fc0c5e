"""From single checks to one verdict. Missing evidence is never a pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.core.change import Json
from holdfast.core.promise import Verdict


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found: `detail` is a clause for people (`13 tables are equal`)."""

    id: str
    verdict: Verdict
    detail: str

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {"id": self.id, "verdict": str(self.verdict), "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with a reason for each check that keeps it from being `proven`."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def proven(id: str, detail: str) -> Check:
    """A check that saw what was promised."""
    return Check(id, Verdict.PROVEN, detail)


def failed(id: str, detail: str) -> Check:
    """A check that saw the opposite of what was promised."""
    return Check(id, Verdict.FAILED, detail)


def unproven(id: str, detail: str) -> Check:
    """A check that could not look, or could not see enough."""
    return Check(id, Verdict.UNPROVEN, detail)


def judgement(checks: Iterable[Check], required: Iterable[str]) -> Judgement:
    """One failed check fails the whole; one that is missing or saw too little leaves it unproven.

    Failures come first in the reasons.
    """
    seen = tuple(checks)
    ids = {check.id for check in seen}
    missing = tuple(unproven(id, "was not looked at") for id in required if id not in ids)
    wrong = [check for check in seen if check.verdict is Verdict.FAILED]
    open_ = [check for check in (*seen, *missing) if check.verdict is Verdict.UNPROVEN]
    verdict = Verdict.FAILED if wrong else Verdict.UNPROVEN if open_ or not seen else Verdict.PROVEN
    reasons = tuple(f"{check.id}: {check.detail}" for check in (*wrong, *open_))
    return Judgement(verdict, reasons or (() if seen else ("nothing was looked at",)))
