"""`check`: read, simulate, leave out what is known. No server, no platform, nothing changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from holdfast.app import check_read
from holdfast.app.check_settings import CheckSettings
from holdfast.app.check_since import Added
from holdfast.core.finding import Finding
from holdfast.schema import baseline
from holdfast.schema.catalog.catalog import NOTHING_KNOWN, Catalog
from holdfast.schema.check import check as simulated
from holdfast.schema.checked import Checked, by_place
from holdfast.schema.migration import Direction, Migration
from holdfast.schema.reading.directives import SIGN, Ignore, applied, ignores
from holdfast.schema.reading.grouping import History, histories
from holdfast.schema.reading.problems import OFF_BY_DEFAULT
from holdfast.schema.report import Options, StatementReport
from holdfast.schema.rulebook import Rulebook, rulebook

DEFAULT_VERSION = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants checked, and how."""

    settings: CheckSettings = field(default_factory=CheckSettings)
    facts: Catalog = NOTHING_KNOWN
    only: frozenset[str] = frozenset()
    added: Added | None = None
    baseline: Mapping[baseline.Print, int] = field(default_factory=dict)
    path_of: Callable[[str], str] = str
    """A file's name as the baseline has it."""
    today: date = date.max


def run(read: check_read.Read, asked: Asked) -> Checked:
    """Check what was read."""
    every = histories(read.folders, tool=asked.settings.tool, settings=_tool_settings(read, asked))
    return checked(every, read, asked)


def checked(every: Sequence[History], read: check_read.Read, asked: Asked) -> Checked:
    """Check histories that were made of what was read."""
    book = rulebook()
    options = options_of(asked, book)
    findings: list[Finding] = list(read.findings)
    statements: list[StatementReport] = []
    unknown: dict[str, None] = {}
    migrations: list[Migration] = []
    for history in every:
        chosen = [one for one in history.migrations if _is_asked(one, asked)]
        report = simulated(chosen, asked.facts, options)
        findings += report.findings
        statements += report.statements
        unknown.update(dict.fromkeys(report.unknown))
        migrations += (one for one in chosen if one.path not in read.context)
    if read.context:
        statements = [one for one in statements if one.path not in read.context]
        findings = [one for one in findings if _file(one) not in read.context]
    rest = _Rest(asked, book, migrations, statements)
    left = rest.of(findings)
    paths = dict.fromkeys(one.path for one in migrations)
    return Checked(
        findings=tuple(by_place(left)),
        statements=tuple(rest.shown(statements)),
        unknown=tuple(unknown),
        sources={one.path: one.text for one in migrations},
        files=len(paths),
        ignored=rest.ignored,
        known=rest.known,
        tools={history.root or ".": history.tool.id for history in every},
        titles={one.id: book.title(one.id) for one in left},
    )


def _file(one: Finding) -> str:
    return one.location.file if one.location else ""


def prints(result: Checked, path_of: Callable[[str], str]) -> list[baseline.Print]:
    """Every finding of a result as a baseline has it."""
    words = _Words(result.statements, result.sources)
    return [_print(one, words, path_of) for one in result.findings]


def _tool_settings(read: check_read.Read, asked: Asked) -> Mapping[str, Mapping[str, object]]:
    settings = {name: dict(each) for name, each in asked.settings.tools.items()}
    if asked.added is not None:
        dumps = [
            file.path
            for folder in read.folders
            for file in folder.files.values()
            if file.name.endswith("structure.sql")
        ]
        before = {path: text for path in dumps if (text := asked.added.before(path)) is not None}
        settings["rails"] = {**settings.get("rails", {}), "before": before}
    return settings


def _is_asked(migration: Migration, asked: Asked) -> bool:
    return asked.settings.down or migration.direction is not Direction.DOWN


def options_of(asked: Asked, book: Rulebook | None = None) -> Options:
    """The rules that are on: those of taste only when named or asked for."""
    book = book or rulebook()
    levels = asked.settings.rules
    wanted = {rule for rule in book.style if levels.get(rule) is not None or rule in asked.only}
    style = asked.settings.style or bool(wanted)
    off = {rule for rule, level in levels.items() if level is None}
    if style and not asked.settings.style:
        off |= book.style - wanted
    return Options(
        version=asked.settings.server_version or DEFAULT_VERSION,
        style=style,
        only=asked.only,
        without=frozenset(off),
        settings=asked.settings.session,
    )


class _Words:
    """The words that a finding is about: its statement's, else its line's."""

    def __init__(self, statements: Iterable[StatementReport], sources: Mapping[str, str]) -> None:
        self.by_index = {(one.path, one.index): one for one in statements}
        self.sources = sources

    def statement(self, finding: Finding) -> StatementReport | None:
        """The statement of a finding that a rule has made."""
        number = finding.evidence.get("statement")
        if finding.location is None or not isinstance(number, int):
            return None
        return self.by_index.get((finding.location.file, number))

    def of(self, finding: Finding) -> str:
        """What a baseline knows it by."""
        if (statement := self.statement(finding)) is not None:
            return statement.sql
        where = finding.location
        if where is None:
            return finding.message
        lines = self.sources.get(where.file, "").splitlines()
        return lines[where.line - 1] if where.line <= len(lines) else finding.message


def _print(finding: Finding, words: _Words, path_of: Callable[[str], str]) -> baseline.Print:
    path = path_of(finding.location.file) if finding.location else ""
    return baseline.fingerprint(finding, path, words.of(finding))


class _Rest:
    """What is left to tell after levels, the branch's changes, comments, and the baseline."""

    def __init__(
        self,
        asked: Asked,
        book: Rulebook,
        migrations: Sequence[Migration],
        statements: Sequence[StatementReport],
    ) -> None:
        self.asked, self.book, self.migrations = asked, book, migrations
        self.words = _Words(statements, {one.path: one.text for one in migrations})
        self.ignored = self.known = 0

    def of(self, findings: Iterable[Finding]) -> list[Finding]:
        left = [one for one in findings if self._is_on(one) and self._is_new(one)]
        exceptions, wrong = self._exceptions()
        done = applied(left, exceptions, self._line, self.asked.today)
        self.ignored = done.hidden
        own = [one for one in (*wrong, *done.complaints) if self._is_on(one) and self._is_new(one)]
        left = [self._levelled(one) for one in (*done.findings, *own)]
        if self.asked.baseline:
            left, self.known = baseline.unknown(
                left,
                self.asked.baseline,
                lambda one: _print(one, self.words, self.asked.path_of),
            )
        return left

    def shown(self, statements: Sequence[StatementReport]) -> list[StatementReport]:
        """Statements that were asked about."""
        added = self.asked.added
        if added is None:
            return list(statements)
        return [one for one in statements if added.has(one.path, one.line, _last(one))]

    def _is_on(self, one: Finding) -> bool:
        if self.asked.only and one.id not in self.asked.only:
            return False
        level = self.asked.settings.rules.get(one.id, one.severity)
        is_named = one.id in self.asked.settings.rules or one.id in self.asked.only
        return level is not None and (one.id not in OFF_BY_DEFAULT or is_named)

    def _levelled(self, one: Finding) -> Finding:
        level = self.asked.settings.rules.get(one.id)
        return one if level is None or level is one.severity else replace(one, severity=level)

    def _is_new(self, one: Finding) -> bool:
        added, where = self.asked.added, one.location
        if added is None or where is None:
            return True
        statement = self.words.statement(one)
        if statement is None:
            return added.has(where.file, where.line, where.line)
        return added.has(where.file, statement.line, _last(statement))

    def _line(self, one: Finding) -> int:
        statement = self.words.statement(one)
        if statement is not None:
            return statement.line
        return one.location.line if one.location else 0

    def _exceptions(self) -> tuple[dict[str, list[Ignore]], list[Finding]]:
        found: dict[str, list[Ignore]] = {}
        wrong: list[Finding] = []
        starts: dict[str, set[int]] = {}
        texts: dict[str, str] = {}
        for one in self.migrations:
            if SIGN in one.text:
                lines = (each.line for batch in one.batches for each in batch.fragments)
                starts.setdefault(one.path, set()).update(lines)
                texts[one.path] = one.text
        for path, lines_of in starts.items():
            made, bad = ignores(path, texts[path], sorted(lines_of), self.book.is_rule)
            found[path] = made
            wrong += bad
        return found, wrong


def _last(statement: StatementReport) -> int:
    return statement.line + statement.sql.count("\n")


def version_of(text: str) -> int | None:
    """The major version that a dump of pg_dump names, None where it names none."""
    found = re.search(r"^-- Dumped from database version (\d+)", text[:4096], re.MULTILINE)
    return int(found[1]) if found else None
