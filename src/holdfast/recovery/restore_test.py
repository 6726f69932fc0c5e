"""What a restore test has to see before a backup counts as proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.core.units import show_bytes, show_duration
from holdfast.recovery.comparison import Comparison
from holdfast.recovery.verdict import Check, Judgement, failed, judgement, proven, unproven

KIND = "restore-test"
"""The kind of its evidence."""
REQUIRED = ("restore", "start", "recovery point", "structure", "rows", "checksums")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the test. `ok` None means that it could not be done; `problem` says why.

    `spent_s` are its seconds, `problem` is empty when `ok` is True.
    """

    ok: bool | None
    spent_s: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a restore test saw; None for what it never came to.

    `wanted_point` is the restore point that was written to the source, `reached_point` the one at
    which the copy's recovery stopped, as the server's log says it.
    """

    restore: Step | None = None
    start: Step | None = None
    structure: Step | None = None
    checksums: Step | None = None
    backup: str = ""
    size_bytes: int = 0
    wanted_point: str = ""
    reached_point: str = ""
    compared: Comparison | None = None
    why_not_compared: str = ""


def checks(seen: Seen) -> tuple[Check, ...]:
    """One check for each of `REQUIRED` that the test came to."""
    found = [
        _step("restore", seen.restore, f"{seen.backup}, {show_bytes(seen.size_bytes)}"),
        _step("start", seen.start, "the copy started and became consistent"),
        _point(seen),
        _step("structure", seen.structure, "pg_amcheck found every table and index sound"),
        _rows(seen),
        _step("checksums", seen.checksums, "every page has the checksum it should have"),
    ]
    return tuple(check for check in found if check is not None)


def verdict(seen: Seen) -> Judgement:
    """Proven only if every check of `REQUIRED` is."""
    return judgement(checks(seen), REQUIRED)


def _step(id: str, step: Step | None, good: str) -> Check | None:
    if step is None:
        return None
    if step.ok is None:
        return unproven(id, step.problem)
    if not step.ok:
        return failed(id, step.problem)
    return proven(id, f"{good} ({show_duration(step.spent_s)})")


def _point(seen: Seen) -> Check | None:
    if seen.start is None or not seen.start.ok:
        return None
    if not seen.wanted_point:
        return unproven("recovery point", "no restore point could be written to the source")
    if seen.reached_point != seen.wanted_point:
        reached = seen.reached_point or "no restore point"
        return failed("recovery point", f"recovery reached {reached}, not {seen.wanted_point}")
    return proven("recovery point", f"recovery stopped at {seen.wanted_point}")


def _rows(seen: Seen) -> Check | None:
    compared = seen.compared
    if compared is None:
        return unproven("rows", seen.why_not_compared) if seen.why_not_compared else None
    if compared.different:
        return failed("rows", _some(compared.different))
    if compared.open:
        return unproven("rows", _some(compared.open))
    if not compared.tables:
        return proven("rows", "there are no tables on either side")
    parts = [f"{len(compared.equal)} tables are equal"]
    if compared.counted:
        parts.append(f"{len(compared.counted)} have equal counts")
    if compared.bounded:
        parts.append(f"{len(compared.bounded)} differ by no more than was written")
    return proven("rows", ", ".join(parts))


def _some(sentences: Sequence[str]) -> str:
    more = len(sentences) - _SHOWN
    return "; ".join(sentences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
