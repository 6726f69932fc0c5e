"""Promises and what is known about them. Missing evidence is never a pass."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.core.change import Json


class Verdict(enum.StrEnum):
    """The outcome of a proof."""

    PROVEN = "proven"
    FAILED = "failed"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one proof saw: `measured` holds raw values with units in their names."""

    id: str
    kind: str
    database: str
    at: datetime
    verdict: Verdict
    measured: Mapping[str, Json] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of a tier with its latest verdict.

    `target` and `measured` are texts with units (`<= 25 s`, `3.1 s`); `age_s` is the age of the
    evidence in seconds, None where there is none. `next_at` is when it will be proven again, None
    where nothing will start that by itself.
    """

    id: str
    database: str
    statement: str
    target: str
    verdict: Verdict
    measured: str = ""
    age_s: float | None = None
    evidence_id: str = ""
    reason: str = ""
    next_at: datetime | None = None
