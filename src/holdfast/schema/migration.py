"""A migration as values: fragments of SQL, grouped by the transactions that they run in.

The readers in `conventions` make these from each tool's files; `effects` and the rules read
nothing else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from holdfast.core.finding import Finding


class Direction(enum.StrEnum):
    """When a migration runs."""

    UP = "up"
    DOWN = "down"
    REPEATABLE = "repeatable"
    """Run again whenever its text has changed, after all versioned ones."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One statement, as it stands in its file.

    `sql` is the text to parse, without the closing semicolon; placeholders are already replaced
    by something of the same length that parses. `line` and `column` count from 1 and `offset`
    from 0, in characters of the file's text. `opaque` says why nobody can read the statement (a
    data line of COPY, a call that builds its SQL at run time); then `sql` may be empty.
    """

    sql: str
    line: int
    column: int
    offset: int
    opaque: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Fragments that share a fate.

    With `transaction` the tool opens one transaction around them; without, each fragment is a
    transaction of its own unless the fragments open one themselves.
    """

    fragments: tuple[Fragment, ...]
    transaction: bool


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file, or one direction of it, in the order in which the tool would run it.

    `version` is what the tool orders by, `title` what a person calls it, `text` the file as it
    was read, `findings` what the reader itself had to say (a broken header, a duplicate version).
    """

    path: str
    version: str
    title: str
    direction: Direction
    batches: tuple[Batch, ...]
    text: str
    findings: tuple[Finding, ...] = ()
