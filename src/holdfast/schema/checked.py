"""The result of a check, ready to be shown: what was found, where, in which texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.core.finding import Finding, Severity
from holdfast.schema.report import StatementReport

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


@dataclass(frozen=True, slots=True)
class Checked:
    """`sources` are texts by file; `unknown` what was not known and would have mattered.

    `ignored` counts findings hidden by comments, `known` those in the baseline.
    """

    findings: tuple[Finding, ...]
    statements: tuple[StatementReport, ...] = ()
    unknown: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    files: int = 0
    ignored: int = 0
    known: int = 0
    tools: Mapping[str, str] = field(default_factory=dict)
    """The tool's id by root folder."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """One line about each rule that was found."""

    def worst(self) -> Severity | None:
        """The most serious severity found; None without findings."""
        return min((one.severity for one in self.findings), key=_ORDER.__getitem__, default=None)


def is_at_least(severity: Severity, level: str) -> bool:
    """Whether a severity reaches a level (error, warning, notice, never)."""
    return level != "never" and _ORDER[severity] <= _ORDER[Severity(level)]


def by_place(findings: Sequence[Finding]) -> list[Finding]:
    """Findings as one reads files: by name, line, column; those without a place at the end."""

    def place(one: Finding) -> tuple[bool, str, int, int, int]:
        where = one.location
        if where is None:
            return True, one.subject, 0, 0, _ORDER[one.severity]
        return False, where.file, where.line, where.column, _ORDER[one.severity]

    return sorted(findings, key=place)
