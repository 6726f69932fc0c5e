"""The first currency: what rules, policies, checks, controls and validation return."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Severity(enum.StrEnum):
    """How much a finding matters. Only `error` stops an operation."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Location:
    """Where in a document a finding stands.

    `line` and `column` count from 1; `path` is the place in the document (`spec.replicas`,
    `databases[0].name`).
    """

    file: str
    line: int
    column: int = 1
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should look at.

    `id` is stable and names the rule (`spec.unknown-field`), `subject` the object, `message`
    what was seen, `hint` what to do, `evidence` the raw values behind it.
    """

    id: str
    severity: Severity
    subject: str
    message: str
    hint: str = ""
    location: Location | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
