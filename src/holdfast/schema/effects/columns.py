"""Column definitions: of CREATE TABLE, of ADD COLUMN, with the constraints that stand in them."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.schema.catalog.objects import Column, UserType
from holdfast.schema.catalog.types import SERIALS
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.expressions import functions, is_null, sequences, volatility
from holdfast.schema.effects.typenames import own_type, type_of
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, strings

(NULL, NOT_NULL, DEFAULT, IDENTITY, GENERATED, CHECK, PRIMARY, UNIQUE, EXCLUSION, FOREIGN) = range(
    1, 11
)
DEFERRABLE, NOT_DEFERRABLE, DEFERRED, IMMEDIATE, ENFORCED, NOT_ENFORCED = range(11, 17)


@dataclass(frozen=True, slots=True)
class Definition:
    """A column and what its definition asks for besides."""

    column: Column
    serial: bool
    domain: UserType | None
    constraints: tuple[tuple[Node, bool, bool], ...]
    """CHECK, PRIMARY KEY, UNIQUE and REFERENCES for the table to take; deferrable, deferred."""
    calls: tuple[str, ...]
    """The functions of the default."""
    null_default: bool
    not_null_name: str = ""


def definition(node: Node, draft: Draft) -> Definition:
    """What a ColumnDef says."""
    path = strings(node.type_name.names)
    serial = len(path) == 1 and path[0] in SERIALS and not node.type_name.array_bounds
    kind = type_of(node.type_name, draft)
    if serial:
        kind = kind._replace(name=SERIALS[path[0]])
    column = Column(node.colname, kind, node.is_not_null or serial, "volatile" if serial else "")
    if node.HasField("coll_clause"):
        column = column._replace(collation=strings(node.coll_clause.collname)[-1])
    own = own_type(kind, draft)
    domain = own if own is not None and own.kind == "d" else None
    found: list[tuple[Node, bool, bool]] = []
    calls: tuple[str, ...] = ()
    null_default, name = False, ""
    for wrapped in node.constraints:
        constraint = wrapped.constraint
        what = constraint.contype
        if what == DEFAULT and constraint.HasField("raw_expr"):
            column = column._replace(default=volatility(constraint.raw_expr, draft))
            calls = tuple(path[-1] for path in functions(constraint.raw_expr))
            null_default = is_null(constraint.raw_expr)
            for sequence in sequences(constraint.raw_expr):
                schema, _, last = sequence.rpartition(".")
                draft.lock(draft.resolved(schema, last, "class"), Mode.ROW_EXCLUSIVE)
        elif what == NOT_NULL:
            column, name = column._replace(not_null=True), constraint.conname
        elif what == IDENTITY:
            identity = constraint.generated_when
            column = column._replace(not_null=True, identity=identity, default="volatile")
        elif what == GENERATED:
            column = column._replace(generated=_generated(constraint, draft))
        elif what in (CHECK, PRIMARY, UNIQUE, FOREIGN):
            found.append((constraint, False, False))
            if what == PRIMARY:
                column = column._replace(not_null=True)
        elif what in (DEFERRABLE, DEFERRED) and found:
            before = found.pop()
            found.append((before[0], True, before[2] or what == DEFERRED))
    _defaults(node, column)
    return Definition(column, serial, domain, tuple(found), calls, null_default, name)


def _generated(node: Node, draft: Draft) -> str:
    kind = node.generated_kind or "s"
    if kind == "v" and draft.version < 18:
        raise Failed("42601", "virtual generated columns need PostgreSQL 18")
    if draft.version < 12:
        raise Failed("42601", "generated columns need PostgreSQL 12")
    worst = volatility(node.raw_expr, draft)
    if worst == "volatile":
        raise Failed("42P17", "generation expression is not immutable")
    return kind


def _defaults(node: Node, column: Column) -> None:
    """More than one source of values is refused."""
    kinds = [wrapped.constraint.contype for wrapped in node.constraints]
    if kinds.count(DEFAULT) + kinds.count(IDENTITY) + kinds.count(GENERATED) > 1:
        raise Failed("42601", f'more than one default specified for column "{column.name}"')


def sequence_name(table: Name, column: str, chosen_name: str) -> Name:
    """The sequence of a serial or an identity column."""
    return Name(table.schema, chosen_name or f"{table.name}_{column}_seq")
