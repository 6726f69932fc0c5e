"""The steps of a verification as values, and the kinds of its evidence."""

from __future__ import annotations

from dataclasses import dataclass

KIND = "restore-test"
"""The kind of its evidence when it restored, and came to every layer that the tier asks for."""
PARTIAL_KIND = "verification"
"""The kind when fewer layers were chosen: no promise rests on it."""
MARKER_KIND = "point-in-time"
"""The kind of what the last layer proves, beside the other one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the test. `ok` None means that it could not be done; `problem` says why.

    `spent_s` are its seconds, `problem` is empty when `ok` is True.
    """

    ok: bool | None
    spent_s: float = 0.0
    problem: str = ""
