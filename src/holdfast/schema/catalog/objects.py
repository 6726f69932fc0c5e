"""What a database holds, as far as a schema change cares; `None` is unknown, never a guess."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

from holdfast.schema.names import Name


class ColumnType(NamedTuple):
    """A type by its catalog name (`int4`, `varchar`, `shop.mood`), modifiers, and arrayness."""

    name: str
    mods: tuple[int, ...] = ()
    array: bool = False

    def __str__(self) -> str:
        mods = f"({','.join(map(str, self.mods))})" if self.mods else ""
        return f"{self.name}{mods}{'[]' if self.array else ''}"


UNKNOWN_TYPE = ColumnType("")


class Column(NamedTuple):
    """One column. `default` is "" or its class: constant, stable, volatile, unknown.

    `generated` is "", "s" (stored) or "v" (virtual); `identity` is "", "a" (always) or "d".
    """

    name: str
    type: ColumnType = UNKNOWN_TYPE
    not_null: bool = False
    default: str = ""
    generated: str = ""
    identity: str = ""
    collation: str = ""
    inherited: bool = False
    """Has it from a parent (and may not drop it alone)?"""


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind` as in pg_constraint: c(heck), f(oreign), p(rimary), u(nique), x(clude), n(ot null)."""

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    validated: bool = True
    target: Name | None = None
    target_columns: tuple[str, ...] = ()
    index: Name | None = None
    deferrable: bool = False
    deferred: bool = False
    not_null: tuple[str, ...] = ()
    """Columns that a CHECK proves to be not null."""
    expression: str = ""
    no_inherit: bool = False
    inherited: bool = False
    named: bool = True
    """Did somebody choose the name? A generated one is a good guess only."""
    enforced: bool = True


class Index(NamedTuple):
    """`columns` are keys in order, "" for an expression; `constraint` owns it if not ""."""

    name: Name
    table: Name
    columns: tuple[str, ...] = ()
    unique: bool = False
    valid: bool = True
    method: str = "btree"
    predicate: bool = False
    expressions: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    """Every column that it reads: keys, included, in expressions and the predicate."""
    constraint: str = ""
    parent: Name | None = None
    children: tuple[Name, ...] = ()
    only: bool = False
    """On a partitioned table: made ON ONLY, so waiting for its children."""
    born: int = 0
    migration: int = 0
    options: tuple[str, ...] = ()
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of a table, by name."""

    name: str
    function: str = ""
    internal: bool = False


class Relation(NamedTuple):
    """A table or something like one.

    `kind` as in pg_class: r(egular), p(artitioned), f(oreign), v(iew), m(aterialised view),
    S(equence), c(omposite type). With `known` false only its name is sure. `born` and `migration`
    number the transaction and the migration that made it, 0 before all.
    """

    name: Name
    kind: str = "r"
    known: bool = True
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Name, ...] = ()
    parents: tuple[Name, ...] = ()
    children: tuple[Name, ...] = ()
    partition: bool = False
    """Is it a partition of its (one) parent?"""
    default_partition: Name | None = None
    strategy: str = ""
    keys: tuple[str, ...] = ()
    """Of a partitioned table: hash, list or range, and the columns it is split by."""
    bound: str = ""
    referenced_by: tuple[tuple[Name, str], ...] = ()
    dependents: tuple[Name, ...] = ()
    """Views (and tables, through sequences and types) that read it."""
    reads: tuple[tuple[Name, str], ...] = ()
    """Of a view: relation and column, "" for the relation as a whole."""
    triggers: tuple[Trigger, ...] = ()
    policies: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    row_security: bool = False
    persistence: str = "p"
    method: str = "heap"
    tablespace: str = ""
    owner_column: tuple[Name, str] | None = None
    """Of a sequence: whose column owns it."""
    sequences: tuple[Name, ...] = ()
    type: str = ""
    """Of a sequence: its integer type; of a typed table: the type."""
    populated: bool = True
    clustered: str = ""
    replica_identity: str = "d"
    published: bool = False
    rows: int | None = None
    bytes: int | None = None
    reads_per_s: float | None = None
    writes_per_s: float | None = None
    born: int = 0
    migration: int = 0

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def constraint(self, name: str) -> Constraint | None:
        """The constraint of that name."""
        return next((found for found in self.constraints if found.name == name), None)

    @property
    def is_table(self) -> bool:
        """Whether it holds rows that a migration can change."""
        return self.kind in "rpf"


@dataclass(frozen=True, slots=True)
class UserType:
    """`kind` as in pg_type: e(num), d(omain), c(omposite), r(ange), b(ase); "" unknown."""

    name: Name
    kind: str = ""
    labels: tuple[str, ...] = ()
    base: ColumnType = UNKNOWN_TYPE
    not_null: bool = False
    default: str = ""
    constraints: tuple[Constraint, ...] = ()
    born: int = 0
    fresh_labels: tuple[tuple[str, int], ...] = ()
    """Labels added by ALTER TYPE, with the transaction that added them."""

    @property
    def constrained(self) -> bool:
        """Whether a domain refuses any value of its base type."""
        return self.not_null or bool(self.constraints)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or procedure of the database's own; `volatility` is i, s or v, "" unknown."""

    name: Name
    volatility: str = "v"
    language: str = ""
    body: str = ""
    kind: str = "f"
    inlined: str = ""
    """Of a simple SQL function: the volatility of the expression that takes the call's place."""


F = TypeVar("F")


def replace(fact: F, **values: object) -> F:
    """The fact with some of its values changed.

    The two that change most are tuples, because a tuple is copied several times as fast.
    """
    if isinstance(fact, (Relation, Index)):
        return cast("F", fact._replace(**values))  # type: ignore[arg-type]
    return dataclasses.replace(fact, **values)  # type: ignore[type-var]


Fact = Relation | Index | UserType | Function
