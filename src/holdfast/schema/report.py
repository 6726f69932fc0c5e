"""What goes into a check and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.core.finding import Finding
from holdfast.schema.effects.model import Effects

OLDEST, NEWEST = 11, 18


@dataclass(frozen=True, slots=True)
class Options:
    """What the check assumes.

    `version` is the server's major version (11 to 18). `style` turns on the rules of taste, which
    are off otherwise; `only` and `without` name rules (`schema.create_index`) to run or leave out.
    """

    version: int = 16
    style: bool = False
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the session that runs the migrations has set (lock_timeout, timezone, search_path)."""


@dataclass(frozen=True, slots=True)
class StatementReport:
    """One statement, where it stands, and what it does. `index` counts from 0 in its file."""

    path: str
    index: int
    line: int
    column: int
    sql: str
    effects: Effects


@dataclass(frozen=True, slots=True)
class Report:
    """`unknown` names what the check would have liked to know (`table orders`)."""

    statements: tuple[StatementReport, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
