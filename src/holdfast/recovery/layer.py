"""One layer of the proof of a backup: what it found, what it looked at, and what it could not see.

A layer is a file in `recovery/checks`: its name is the layer's id, its docstring its page in the
reference, `LAYER` its number, `REQUIRED` the ids of the checks without which it proves nothing, and
`found(told)` reads what the probes told (see `recovery.restore_record`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from holdfast.core.change import Json
from holdfast.core.promise import Verdict
from holdfast.core.units import show_duration
from holdfast.recovery.restore_test import Step
from holdfast.recovery.verdict import Check, failed, judgement, proven, unproven

Told: TypeAlias = Mapping[str, Any]
"""What the steps of a verification told, as JSON: see `recovery.restore_record`."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What one layer found. The texts of `looked_at` and `not_looked_at` are clauses for people.

    What stands in `not_looked_at` is outside of what the layer promises to see and leaves its
    verdict alone; what it promised to see and could not is an unproven check.
    """

    checks: tuple[Check, ...] = ()
    looked_at: tuple[str, ...] = ()
    not_looked_at: tuple[str, ...] = ()
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as the folder has it; `page` is its documentation, `title` the page's first line."""

    number: int
    id: str
    page: str
    required: tuple[str, ...]
    found: Callable[[Told], Found]

    @property
    def title(self) -> str:
        """What it does, in a sentence."""
        return self.page.strip().splitlines()[0]


@dataclass(frozen=True, slots=True)
class Result:
    """A layer's verdict with everything that explains it."""

    number: int
    id: str
    verdict: Verdict
    found: Found = field(default_factory=Found)
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {
            "layer": self.number,
            "id": self.id,
            "verdict": str(self.verdict),
            "spent_s": round(self.found.spent_s, 3),
            "checks": [each.to_json() for each in self.found.checks],
            "looked_at": list(self.found.looked_at),
            "not_looked_at": list(self.found.not_looked_at),
            "reasons": list(self.reasons),
        }


def result(layer: Layer, told: Told) -> Result:
    """The layer's verdict: proven only if each of its required checks is."""
    found = layer.found(told)
    judged = judgement(found.checks, layer.required)
    return Result(layer.number, layer.id, judged.verdict, found, judged.reasons)


def step(told: Told, name: str) -> Step | None:
    """A step as it was told; None when the verification did not come to it."""
    said = told.get(name)
    return None if said is None else Step(said["ok"], said["spent_s"], said["problem"])


def stepped(id: str, taken: Step | None, good: str) -> tuple[Check, ...]:
    """The check that a step makes; `good` says what it saw when it went well."""
    if taken is None:
        return ()
    if taken.ok is None:
        return (unproven(id, taken.problem),)
    if not taken.ok:
        return (failed(id, taken.problem),)
    return (proven(id, f"{good} ({show_duration(taken.spent_s)})"),)


def spent_s(*steps: Step | None) -> float:
    """The seconds of all steps that were taken."""
    return sum(each.spent_s for each in steps if each is not None)


def some(sentences: Sequence[str], shown: int = _SHOWN) -> str:
    """The first few, and how many more there are."""
    more = len(sentences) - shown
    return "; ".join(sentences[:shown]) + (f"; and {more} more" if more > 0 else "")
