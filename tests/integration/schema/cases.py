"""Statements as data: `tests/oracle/*.sql`, and the examples of the rules.

A file is a row of blocks. `-- given` makes a database; each `-- when` behind it holds statements
that are tried on it one by one, each on the database as it was given. The words behind `when`:

    in transaction   all statements of the block in one transaction, one after the other
    committed        each in a transaction of its own, one after the other
    from 14, to 17   only on these major versions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from holdfast.schema.catalog import Catalog
from holdfast.schema.check import Options, StatementReport, check
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.parse import parsed
from holdfast.schema.ruleset import modules, name_of

FOLDER = Path(__file__).parents[2] / "oracle"
CONTROL = re.compile(r"\b(BEGIN|COMMIT|ROLLBACK)\s*(;|\Z)")
BLOCK = re.compile(r"^-- (given|when)\b(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """Statements on a database; `together` in one transaction."""

    name: str
    given: str
    statements: tuple[str, ...]
    together: bool = False
    oldest: int = 11
    newest: int = 99

    @property
    def alone(self) -> bool:
        """One statement on the database as it was given: a rollback leaves no trace of it."""
        return len(self.statements) == 1 and not self.together


def split(sql: str) -> list[str]:
    """The statements of a text, without comments in front."""
    data = sql.encode()
    found = []
    trees = parsed(sql)
    for number, tree in enumerate(trees):
        end = trees[number + 1].start if number + 1 < len(trees) else len(data)
        text = data[tree.start : end].decode()
        text = re.sub(r"\A(\s*(--[^\n]*\n|;))*\s*", "", text).rstrip().rstrip(";")
        found.append(text)
    return found


def cases() -> list[Case]:
    """Every case of the files."""
    found: list[Case] = []
    for file in sorted(FOLDER.glob("*.sql")):
        text = file.read_text()
        marks = list(BLOCK.finditer(text))
        given = ""
        for number, mark in enumerate(marks):
            end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
            body, words = text[mark.end() : end], mark[2]
            if mark[1] == "given":
                given = body
                continue
            found += _of_block(f"{file.stem}:{text.count(chr(10), 0, mark.start()) + 1}",
                               given, body, words)  # fmt: skip
    return found


def examples() -> list[Case]:
    """The BAD and GOOD examples of every rule whose catalog is known."""
    found = []
    for module in modules():
        for word, group in (("bad", module.BAD), ("good", module.GOOD)):
            for number, example in enumerate(group, 1):
                if example.complete and not CONTROL.search(example.when):
                    oldest = example.version if example.version > 16 else 11
                    found.append(
                        Case(
                            f"{name_of(module)}/{word}{number}",
                            example.given,
                            tuple(split(example.when)),
                            example.transaction,
                            oldest,
                        )
                    )
    return found


def _of_block(name: str, given: str, body: str, words: str) -> list[Case]:
    oldest = re.search(r"from (\d+)", words)
    newest = re.search(r"to (\d+)", words)
    limits = (int(oldest[1]) if oldest else 11, int(newest[1]) if newest else 99)
    statements = split(body)
    if "committed" in words or "in transaction" in words:
        return [Case(name, given, tuple(statements), "in transaction" in words, *limits)]
    return [Case(f"{name}/{number}", given, (sql,), False, *limits)
            for number, sql in enumerate(statements, 1)]  # fmt: skip


def predicted(case: Case, version: int, catalog: Catalog | None = None) -> list[StatementReport]:
    """What `check` says of each statement."""
    fragments = tuple(Fragment(sql, 1, 1, 0) for sql in case.statements)
    migration = Migration(case.name, "1", case.name, Direction.UP,
                          (Batch(fragments, case.together),), "")  # fmt: skip
    if catalog is None:
        catalog = catalog_from_dump(case.given, version)
    settings = {"timezone": "Europe/Berlin"}
    return list(check([migration], catalog, Options(version, settings=settings)).statements)
