"""Migrations run over a world: transactions are opened and closed, statements judged and kept."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from holdfast.core.finding import Finding, Location, Severity
from holdfast.schema.catalog.catalog import Catalog, Key
from holdfast.schema.catalog.objects import Relation
from holdfast.schema.catalog.world import World
from holdfast.schema.effects import drafted, kept
from holdfast.schema.effects.draft import Draft
from holdfast.schema.effects.model import NOTHING, Effects
from holdfast.schema.effects.transactions import controlled
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.names import Name
from holdfast.schema.parse import Broken, Parsed, parsed
from holdfast.schema.report import Options, Report, StatementReport
from holdfast.schema.rule import Step
from holdfast.schema.ruleset import ruleset

SYNTAX = "schema.syntax"


class Simulation:
    """The state of one check: the world, and what was found so far."""

    def __init__(self, facts: Catalog, options: Options) -> None:
        self.world = World(facts)
        self.world.settings.update(options.settings)
        self.version = options.version
        self.rules = ruleset(options)
        self.statements: list[StatementReport] = []
        self.findings: list[Finding] = []
        self.unknown: dict[str, None] = {}
        self.steps: list[Step] = []
        self.start = 0

    def run(self, migration: Migration) -> None:
        """One migration; one that goes down leaves no trace."""
        world = self.world
        world.migration += 1
        self.steps = []
        self.start = len(self.statements)
        self.findings.extend(migration.findings)
        mark, settings = world.mark, dict(world.settings)
        for batch in migration.batches:
            self._batch(migration, batch)
        if world.transaction is not None:
            world.commit()
        self.findings.extend(self.rules.of_migration(self.steps))
        if migration.direction is Direction.DOWN:
            world.undo(mark)
        world.settings = settings

    def report(self) -> Report:
        """Everything that was found, each finding once."""
        unique = {
            (f.id, f.subject, f.message, f.location): f for f in self.findings
        }  # the same thing said by two subcommands of one statement
        return Report(tuple(self.statements), tuple(unique.values()), tuple(self.unknown))

    def _batch(self, migration: Migration, batch: Batch) -> None:
        if batch.transaction and self.world.transaction is None:
            self.world.begin(by_tool=True)
        for fragment in batch.fragments:
            self._fragment(migration, fragment)
        transaction = self.world.transaction
        if batch.transaction and transaction is not None and transaction.by_tool:
            self.world.commit()

    def _fragment(self, migration: Migration, fragment: Fragment) -> None:
        if fragment.opaque or not fragment.sql.strip():
            if fragment.opaque:
                effects = Effects(unseen=(fragment.opaque,))
                self._report(migration, fragment, fragment.sql, (0, 0), effects)
            return
        try:
            statements = parsed(fragment.sql)
        except Broken as broken:
            self._broken(migration, fragment, broken)
            return
        for number, statement in enumerate(statements):
            self._statement(migration, fragment, statement, number)

    def _statement(
        self, migration: Migration, fragment: Fragment, statement: Parsed, number: int
    ) -> None:
        world = self.world
        transaction = world.transaction
        draft, effects = drafted(statement.kind, statement.node, world, self.version)
        place = _place(fragment, statement.start) if number else (fragment.line, fragment.column)
        step = Step(
            migration.path,
            len(self.statements) - self.start,
            *place,
            fragment.sql,
            statement.kind,
            statement.node,
            effects,
            draft,
            self.version,
            migration.direction,
            transaction is not None,
            transaction is not None and transaction.by_tool,
            dict(transaction.held) if transaction is not None else {},
            world.serial,
            self._settings(),
            world.migration,
            self._before(draft, effects),
        )
        self._report(migration, fragment, fragment.sql, place, effects)
        for name in draft.unknown:
            self.unknown[name] = None
        self.findings.extend(self.rules.of_step(step))
        self.steps.append(step)
        self._keep(step)

    def _settings(self) -> dict[str, str]:
        transaction = self.world.transaction
        if transaction is None or not transaction.local:
            return dict(self.world.settings)
        return {**self.world.settings, **transaction.local}

    def _before(self, draft: Draft, effects: Effects) -> dict[Name, Relation]:
        """Relations as they were, for rules that look back at the end of the migration."""
        names = {*draft.locks, *(c.relation for c in effects.causes if c.relation is not None)}
        facts = ((name, self.world.facts.get(Key("class", name))) for name in names)
        return {name: fact for name, fact in facts if isinstance(fact, Relation)}

    def _keep(self, step: Step) -> None:
        world = self.world
        if world.transaction is not None:
            world.transaction.statements += 1
        if controlled(step.kind, step.node, world):
            return
        kept(step.draft)
        if world.transaction is None:
            world.serial += 1

    def _report(
        self,
        migration: Migration,
        fragment: Fragment,
        sql: str,
        place: tuple[int, int],
        effects: Effects = NOTHING,
    ) -> None:
        line, column = place if place != (0, 0) else (fragment.line, fragment.column)
        number = len(self.statements) - self.start
        self.statements.append(StatementReport(migration.path, number, line, column, sql, effects))

    def _broken(self, migration: Migration, fragment: Fragment, broken: Broken) -> None:
        line, column = _at(fragment, max(broken.position, 0))
        self.findings.append(
            Finding(
                SYNTAX,
                Severity.ERROR,
                "statement",
                broken.message,
                "Correct the statement; the others are checked all the same.",
                Location(migration.path, line, column),
                {"safe": "", "why": "PostgreSQL will refuse this text.", "docs": ""},
            )
        )
        effects = Effects(error=f"42601 {broken.message}")
        self._report(migration, fragment, fragment.sql, (line, column), effects)


def _place(fragment: Fragment, start: int) -> tuple[int, int]:
    """Line and column of a later statement of one fragment; `start` counts bytes."""
    text = fragment.sql.encode()[:start].decode(errors="ignore")
    rest = fragment.sql[len(text) :]
    return _at(fragment, len(text) + len(rest) - len(rest.lstrip()))


def _at(fragment: Fragment, position: int) -> tuple[int, int]:
    starts = _lines(fragment.sql)
    line = bisect_right(starts, position) - 1
    column = position - starts[line]
    return fragment.line + line, column + 1 + (fragment.column - 1 if line == 0 else 0)


@lru_cache(maxsize=8)
def _lines(text: str) -> tuple[int, ...]:
    starts = [0]
    place = text.find("\n")
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    return tuple(starts)
