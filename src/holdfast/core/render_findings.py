"""Findings as text for people and as JSON for machines. Pure: the sources are parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from holdfast.core.finding import Finding, Location, Severity

if TYPE_CHECKING:
    # For `check`, which is quick: changes bring uuid and more with them.
    from holdfast.core.change import Json

_WIDTH = 100
"""Characters of a source line that are shown."""


def render_text(findings: Sequence[Finding], sources: Mapping[str, str] | None = None) -> str:
    """A paragraph for each finding, and a last line that counts them; empty without any.

    `sources` has texts by file name: where a finding's file is there, its line is shown with a
    caret under the column.
    """
    if not findings:
        return ""
    lines = {name: text.splitlines() for name, text in (sources or {}).items()}
    paragraphs = [_paragraph(finding, lines) for finding in findings]
    return "\n".join([*paragraphs, f"{count_text(findings)}\n"])


def count_text(findings: Iterable[Finding]) -> str:
    """How many findings there are: `2 errors, 1 warning`."""
    counted = Counter(finding.severity for finding in findings)
    words = [
        f"{counted[severity]} {severity}{'' if counted[severity] == 1 else 's'}"
        for severity in Severity
        if counted[severity]
    ]
    return ", ".join(words) or "no findings"


def findings_json(findings: Iterable[Finding]) -> list[Json]:
    """Each finding as a JSON object; `location` is null where there is none."""
    return [
        {
            "id": finding.id,
            "severity": str(finding.severity),
            "subject": finding.subject,
            "message": finding.message,
            "hint": finding.hint,
            "location": _location_json(finding.location),
            "evidence": dict(finding.evidence),
        }
        for finding in findings
    ]


def finding_from_json(data: Mapping[str, Json]) -> Finding:
    """The inverse of `findings_json` for one finding."""
    where = data.get("location")
    return Finding(
        id=data["id"],
        severity=Severity(data["severity"]),
        subject=data["subject"],
        message=data["message"],
        hint=data.get("hint", ""),
        location=Location(**where) if where else None,
        evidence=data.get("evidence", {}),
    )


def _paragraph(finding: Finding, lines: Mapping[str, Sequence[str]]) -> str:
    where = finding.location
    head = f"{finding.severity}: {finding.message}"
    if where is None:
        shown = [f"{finding.subject}: {head}" if finding.subject else head]
    else:
        shown = [f"{plain(str(where))}: {head}", *excerpt(where, lines.get(where.file, ()))]
        if where.path and where.path not in finding.message:
            shown.append(f"  in: {where.path}")
    if finding.hint:
        shown.append(f"  hint: {finding.hint}")
    return plain("\n".join(shown)) + "\n"


def excerpt(where: Location, lines: Sequence[str]) -> list[str]:
    """The line that a location names, with a caret under the column; nothing where it is not."""
    if not 1 <= where.line <= len(lines):
        return []
    line, column = lines[where.line - 1], where.column
    start = 0
    if column > _WIDTH - 20:
        # A long line is shown from a little before the place.
        start = column - 40
    text = "".join(each if each.isprintable() else " " for each in line[start : start + _WIDTH])
    number = str(where.line)
    gutter = " " * len(number)
    return [f"  {number} | {text}", f"  {gutter} | {' ' * (column - 1 - start)}^"]


def plain(text: str) -> str:
    """Without control characters: what a file holds must not steer the reader's terminal."""
    return "".join(
        each if each == "\n" or each.isprintable() else ascii(each)[1:-1] for each in text
    )


def _location_json(where: Location | None) -> Json:
    if where is None:
        return None
    return {"file": where.file, "line": where.line, "column": where.column, "path": where.path}
