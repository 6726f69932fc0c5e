"""What a finding carries beside its message, and the effects as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.finding import Finding
from holdfast.schema.report import StatementReport

if TYPE_CHECKING:
    from holdfast.core.change import Json


def safe_of(finding: Finding) -> str:
    """The SQL to write instead; empty where there is none."""
    return str(finding.evidence.get("safe") or "")


def why_of(finding: Finding) -> str:
    """What is bad about it."""
    return str(finding.evidence.get("why") or "")


def docs_of(finding: Finding) -> str:
    """Where there is more to read."""
    return str(finding.evidence.get("docs") or "")


def advice(finding: Finding) -> str:
    """What to do, on as many lines as it takes: the safe form, else the hint."""
    return safe_of(finding) or finding.hint


def statement_json(one: StatementReport) -> Json:
    """A statement and what it does; modes as `pg_locks` names them."""
    does = one.effects
    return {
        "path": one.path,
        "index": one.index,
        "line": one.line,
        "sql": one.sql,
        "effects": {
            "locks": [{"relation": lock.relation, "mode": lock.mode} for lock in does.locks],
            "rewrites": list(does.rewrites),
            "scans": list(does.scans),
            "builds": list(does.builds),
            "error": does.error,
            "loses": list(does.loses),
            "breaks": list(does.breaks),
            "unseen": list(does.unseen),
        },
    }
