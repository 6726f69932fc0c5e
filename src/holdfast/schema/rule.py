"""What a rule is: a module in `rules` that reads effects and speaks about them.

Its file name is its id (`schema.<file name>`), its docstring its documentation page: the first
line what it is about, then why that is bad, then what to do instead. It holds

    ROWS       the rows of the hazard table that it covers
    BAD, GOOD  examples; each BAD one must give a finding of this rule, no GOOD one may
    STYLE      True for a matter of taste: off unless asked for (optional)

and at least one of

    CAUSES, of_cause(step, cause)     called for each cause of these kinds
    STATEMENTS, of_statement(step)    called for each statement of these kinds ("*": all)
    of_migration(steps)               called at the end of each migration, yields (step, hit)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.core.finding import Severity
from holdfast.schema.catalog.objects import Relation
from holdfast.schema.catalog.world import World
from holdfast.schema.effects.draft import Draft
from holdfast.schema.effects.model import Cause, Effects
from holdfast.schema.migration import Direction
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node

SHOP = """
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, name text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text, total numeric(10,2),
    note varchar(50), quantity int, placed timestamp);
INSERT INTO customers SELECT n, n || '@example.org', 'c' || n FROM generate_series(1, 100) n;
INSERT INTO orders SELECT n, n, 'new', n, 'note', n, now() FROM generate_series(1, 100) n;
"""
"""The tables of the examples."""


class Example(NamedTuple):
    """A migration (`when`) on a database that `given` has made, at one major version.

    `transaction`: does the tool wrap it? `complete`: is the catalog known (a dump was given)?
    """

    when: str
    given: str = SHOP
    version: int = 16
    transaction: bool = False
    complete: bool = True


class Hit(NamedTuple):
    """What a rule has to say: a message (lower case), the safe form, and how bad it is."""

    message: str
    safe: str = ""
    severity: Severity = Severity.WARNING
    subject: str = ""
    why: str = ""


@dataclass(slots=True)
class Step:
    """One statement in its place, with its effects found and the world still as before."""

    path: str
    index: int
    line: int
    column: int
    sql: str
    kind: str
    node: Node
    effects: Effects
    draft: Draft
    version: int
    direction: Direction
    in_transaction: bool
    by_tool: bool
    held: dict[Name, Mode] = field(default_factory=dict)
    transaction: int = 0
    """Number of the transaction: steps of the same one share their fate and their locks."""
    settings: dict[str, str] = field(default_factory=dict)
    number: int = 0
    """Of the migration, as facts that it makes are marked with."""
    before: dict[Name, Relation] = field(default_factory=dict)
    """What was known of the relations that it locks or names causes for."""

    @property
    def world(self) -> World:
        """The catalog before the statement."""
        return self.draft.world

    def relation(self, name: Name | None) -> Relation | None:
        """What was known of a relation before the statement."""
        return self.before.get(name) if name is not None else None

    def setting(self, name: str) -> str | None:
        """What a setting was when the statement came."""
        return self.settings.get(name)

    def is_table(self, name: Name) -> bool:
        """Whether a name is that of a table (or of nothing that is known)."""
        fact = self.before.get(name) or self.draft.found(name)
        return fact is None or (isinstance(fact, Relation) and fact.is_table)

    def was_new(self, name: Name) -> bool:
        """Whether this migration had made it before the statement."""
        found = self.relation(name)
        return found is not None and found.migration != 0 and found.migration == self.number

    def is_new(self, name: Name | None) -> bool:
        """Whether this migration made it, so that nothing can depend on it yet."""
        if name is None:
            return False
        found = self.draft.found(name) or self.before.get(name)
        if found is None:
            return False
        return self.draft.fresh(name) or (
            found.migration != 0 and (found.migration == self.world.migration)
        )


def first(cause: Cause, name: str, other: str = "…") -> str:
    """A fact of a cause, or a placeholder."""
    return cause.facts.get(name) or other
