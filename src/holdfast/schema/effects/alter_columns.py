"""ADD COLUMN, DROP COLUMN, defaults, NOT NULL, identity: the columns of an existing table."""

from __future__ import annotations

import dataclasses

from holdfast.schema.catalog.objects import Column, Relation, replace
from holdfast.schema.effects.columns import Definition, definition, sequence_name
from holdfast.schema.effects.constraints import Asked, add_constraint, set_not_null
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.expressions import volatility
from holdfast.schema.effects.foreign_keys import drop_foreign_key
from holdfast.schema.effects.subcommands import AT
from holdfast.schema.effects.typenames import base_of
from holdfast.schema.names import Mode
from holdfast.schema.parse import Node, inner

AE = Mode.ACCESS_EXCLUSIVE
FAST_DEFAULTS = 11
"""From here on a default that is not volatile is kept in the catalog, and no row is touched."""


def changed(table: Relation, name: str, **values: object) -> Relation:
    """The table with one column changed."""
    return replace(table, columns=tuple(
        c._replace(**values) if c.name == name else c for c in table.columns))  # type: ignore[arg-type]  # fmt: skip


def needed(table: Relation, name: str) -> Column:
    """A column that has to be there; one of an unknown table may be anything."""
    found = table.column(name)
    if found is None and table.known:
        raise Failed("42703", f'column "{name}" of relation "{table.name.name}" does not exist')
    return found if found is not None else Column(name)


def add_column(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """ADD COLUMN: free, a scan or a rewrite, by where the value of old rows comes from."""
    node = getattr(cmd, "def").column_def
    if table.column(node.colname) is not None:
        if cmd.missing_ok:
            return table
        raise Failed(
            "42701", f'column "{node.colname}" of relation "{table.name.name}" already exists'
        )
    if table.kind in "vm":
        raise Failed("42809", f'"{table.name.name}" is not a table')
    if table.partition:
        raise Failed("42809", "cannot add column to a partition")
    if table.children and not recurse:
        raise Failed("42P16", "column must be added to child tables too")
    found = definition(node, draft)
    if found.domain is not None:
        found = dataclasses.replace(
            found,
            column=found.column._replace(default=found.column.default or found.domain.default),
        )
    members = tuple(draft.tree(table))
    _values(draft, table, found, members)
    for member in members:
        if member.name != table.name and member.column(node.colname) is None:
            draft.put(
                replace(member, columns=(*member.columns, found.column._replace(inherited=True)))
            )
    table = replace(table, columns=(*table.columns, found.column))
    draft.put(table)
    if found.serial or found.column.identity:
        table = _sequence(draft, table, found.column)
    filled = bool(found.column.default or found.column.generated)
    for constraint, deferrable, deferred in found.constraints:
        asked = Asked(
            constraint,
            found.column.name,
            deferrable,
            deferred,
            new_column=True,
            filled=filled,
            only=not recurse,
        )
        table = add_constraint(draft, table, asked)
        draft.put(table)
    return table


def _sequence(draft: Draft, table: Relation, column: Column) -> Relation:
    name = sequence_name(table.name, column.name, "")
    draft.put(
        draft.born(
            Relation(name, "S", type=column.type.name, owner_column=(table.name, column.name))
        )
    )
    return replace(table, sequences=(*table.sequences, name))


def _values(
    draft: Draft, table: Relation, found: Definition, members: tuple[Relation, ...]
) -> None:
    """What has to be done for the rows that are there."""
    column = found.column
    _, constrained = base_of(column.type, draft)
    kind = _why_rewritten(draft, found, constrained)
    empty = (not column.default and not column.generated) or found.null_default
    required = column.not_null and empty and not found.serial
    primary = any(node.contype == 7 for node, _, _ in found.constraints)
    verify = (column.not_null or primary) and (empty or column.generated == "v")
    for member in members:
        if kind and member.kind == "r":
            draft.rewrite(member)
        elif verify and member.kind == "r":
            draft.scan(member.name)
    facts = {"column": column.name, "type": str(column.type), "default": column.default,
             "calls": ", ".join(found.calls), "generated": column.generated,
             "identity": column.identity, "serial": "yes" if found.serial else ""}  # fmt: skip
    draft.cause("column", table.name, **facts)
    if kind:
        draft.cause(f"add-column.{kind}", table.name, AE, "rewrite", **facts)
    elif column.generated == "v":
        draft.cause("add-column.virtual", table.name, AE, "", **facts)
    elif column.default and not found.null_default:
        draft.cause("add-column.default", table.name, AE, "", **facts)
    if required:
        draft.cause("add-column.not-null", table.name, AE, "scan", **facts)
        draft.breaks.append(
            f"fails as soon as {table.name.short} has a row: column {column.name} has no value"
        )
    draft.cause("add-column", table.name, AE, "", **facts)


def _why_rewritten(draft: Draft, found: Definition, constrained: bool) -> str:
    """The reason of a rewrite, "" if there is none."""
    column = found.column
    if found.serial:
        return "serial"
    if column.identity:
        return "identity"
    if column.generated == "s":
        return "stored"
    if constrained:
        return "domain"
    if column.default in ("volatile", "unknown"):
        return f"{column.default}-default"
    if column.default and not found.null_default and draft.version < FAST_DEFAULTS:
        return "volatile-default"
    return ""


def drop_column(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """DROP COLUMN, with its indexes and constraints, and with CASCADE what depends on it."""
    found = table.column(cmd.name)
    if found is None and cmd.missing_ok:
        return table
    column = needed(table, cmd.name)
    if column.inherited:
        raise Failed("42P16", f'cannot drop inherited column "{cmd.name}"')
    if cmd.name in table.keys:
        raise Failed(
            "42P16",
            f'cannot drop column "{cmd.name}" because it is part of the'
            f' partition key of relation "{table.name.name}"',
        )
    cascade = cmd.behavior == 2
    _dependents(draft, table, cmd.name, cascade)
    members = tuple(draft.tree(table)) if recurse else (table,)
    for member in members:
        without = _without(draft, draft.relation(member.name), cmd.name, cascade)
        draft.put(without)
    draft.loses.append(f"column {table.name.short}.{cmd.name} with its data")
    draft.breaks.append(f"statements that name {table.name.short}.{cmd.name} fail")
    draft.cause(
        "drop-column", table.name, AE, "", column=cmd.name, cascade="yes" if cascade else ""
    )
    return draft.relation(table.name)


def _dependents(draft: Draft, table: Relation, column: str, cascade: bool) -> None:
    """Views that read the column are in the way, or go too."""
    for name in table.dependents:
        view = draft.found(name)
        if isinstance(view, Relation) and (table.name, column) in view.reads:
            if not cascade:
                raise Failed(
                    "2BP01",
                    f"cannot drop column {column} of table {table.name.short}"
                    f" because other objects depend on it: view {name.short}",
                )
            _gone_view(draft, view)


def _gone_view(draft: Draft, view: Relation) -> None:
    """A view that goes by CASCADE takes those upon it along."""
    for name in view.dependents:
        above = draft.found(name)
        if isinstance(above, Relation):
            _gone_view(draft, above)
    draft.lock(view.name, AE)
    draft.drop(view.name)
    draft.cause("cascade", view.name, AE, "", gone=f"view {view.name.short}")


def _without(draft: Draft, table: Relation, column: str, cascade: bool) -> Relation:
    for constraint in table.constraints:
        if column not in constraint.columns:
            continue
        if constraint.kind in "pu":
            referenced(draft, table, constraint.columns, cascade, f"column {column}")
        if constraint.kind == "f":
            drop_foreign_key(draft, table.name, constraint)
    gone = []
    for index in draft.indexes(table):
        if column in index.used or column in index.columns:
            draft.lock(index.name, AE)
            draft.drop(index.name)
            gone.append(index.name)
    table = draft.relation(table.name)
    for name in table.sequences:
        sequence = draft.found(name)
        if isinstance(sequence, Relation) and sequence.owner_column == (table.name, column):
            draft.lock(name, AE)
            draft.drop(name)
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != column),
        constraints=tuple(c for c in table.constraints if column not in c.columns),
        indexes=tuple(name for name in table.indexes if name not in gone),
    )


def referenced(
    draft: Draft, table: Relation, columns: tuple[str, ...], cascade: bool, what: str
) -> None:
    """Foreign keys that point to these columns are in the way, or go too."""
    for source, name in table.referenced_by:
        fact = draft.found(source) if source != table.name else table
        if not isinstance(fact, Relation):
            continue
        constraint = fact.constraint(name)
        if constraint is None or sorted(constraint.target_columns) != sorted(columns):
            continue
        if source == table.name and what.startswith("column"):
            continue
        if not cascade:
            raise Failed(
                "2BP01",
                f"cannot drop {what} of table {table.name.short} because other"
                f" objects depend on it: constraint {name} on {source.short}",
            )
        draft.lock(source, AE)
        if source != table.name:
            draft.put(
                replace(fact, constraints=tuple(c for c in fact.constraints if c.name != name))
            )
        draft.cause("cascade", source, AE, "", gone=f"constraint {name} on {source.short}")


def set_default(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """SET DEFAULT, DROP DEFAULT: only rows to come."""
    column = needed(table, cmd.name)
    inside = getattr(cmd, "def")
    if column.generated:
        raise Failed(
            "42601" if draft.version >= 12 else "42P16",
            f'column "{cmd.name}" of relation "{table.name.name}" is a generated column',
        )
    if column.identity:
        raise Failed(
            "42601", f'column "{cmd.name}" of relation "{table.name.name}" is an identity column'
        )
    kind, _ = inner(inside)
    default = volatility(inside, draft) if kind else ""
    if not default and column.not_null:
        draft.breaks.append(
            f"INSERTs into {table.name.short} that leave {cmd.name} out fail from now on"
        )
    draft.cause("column-default", table.name, AE, "", column=cmd.name, default=default)
    return changed(table, cmd.name, default=default)


def not_null(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """SET NOT NULL."""
    if table.children and not recurse and table.kind == "p":
        children = [draft.found(name) for name in table.children]
        missing = [
            c for c in children if isinstance(c, Relation) and not needed(c, cmd.name).not_null
        ]
        if missing:
            raise Failed("42P16", "constraint must be added to child tables too")
    return set_not_null(draft, table, cmd.name, only=not recurse)


def drop_not_null(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """DROP NOT NULL."""
    column = needed(table, cmd.name)
    if any(c.kind == "p" and cmd.name in c.columns for c in table.constraints):
        raise Failed("42P16", f'column "{cmd.name}" is in a primary key')
    if column.identity:
        raise Failed(
            "42601", f'column "{cmd.name}" of relation "{table.name.name}" is an identity column'
        )
    draft.breaks.append(f"applications may read NULL from {table.name.short}.{cmd.name}")
    draft.cause("drop-not-null", table.name, AE, "", column=cmd.name)
    return changed(table, cmd.name, not_null=False)


def add_identity(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """ADD GENERATED ... AS IDENTITY on an existing column."""
    column = needed(table, cmd.name)
    if column.type.name and column.type.name not in ("int2", "int4", "int8"):
        raise Failed("22023", "identity column type must be smallint, integer, or bigint")
    if table.known and not column.not_null:
        raise Failed(
            "55000",
            f'column "{cmd.name}" of relation "{table.name.name}" must be'
            " declared NOT NULL before identity can be added",
        )
    if column.identity or column.default:
        raise Failed(
            "55000",
            f'column "{cmd.name}" of relation "{table.name.name}" already has'
            " a default value or is an identity column",
        )
    table = changed(table, cmd.name, identity="d", default="volatile")
    return _sequence(draft, table, column)


def drop_identity(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """DROP IDENTITY."""
    column = needed(table, cmd.name)
    if not column.identity and table.known:
        if cmd.missing_ok:
            return table
        raise Failed(
            "55000",
            f'column "{cmd.name}" of relation "{table.name.name}" is not an identity column',
        )
    for name in table.sequences:
        sequence = draft.found(name)
        if isinstance(sequence, Relation) and sequence.owner_column == (table.name, cmd.name):
            draft.lock(name, AE)
            draft.drop(name)
    return changed(table, cmd.name, identity="", default="")


def set_expression(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """SET EXPRESSION (17): every row of a stored column is computed anew."""
    if draft.version < 17:
        raise Failed("42601", "SET EXPRESSION needs PostgreSQL 17")
    column = needed(table, cmd.name)
    if table.known and not column.generated:
        raise Failed(
            "55000",
            f'column "{cmd.name}" of relation "{table.name.name}" is not a generated column',
        )
    if column.generated != "v":
        for member in draft.tree(table):
            draft.rewrite(member)
        draft.cause("set-expression", table.name, AE, "rewrite", column=cmd.name)
    return table


def drop_expression(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """DROP EXPRESSION (13): the column keeps its values."""
    if draft.version < 13:
        raise Failed("42601", "DROP EXPRESSION needs PostgreSQL 13")
    column = needed(table, cmd.name)
    if table.known and not column.generated:
        if cmd.missing_ok:
            return table
        raise Failed(
            "55000",
            f'column "{cmd.name}" of relation "{table.name.name}" is not a generated column',
        )
    return changed(table, cmd.name, generated="")


COMMANDS = {
    AT.AddColumn: add_column,
    AT.DropColumn: drop_column,
    AT.ColumnDefault: set_default,
    AT.SetNotNull: not_null,
    AT.DropNotNull: drop_not_null,
    AT.AddIdentity: add_identity,
    AT.DropIdentity: drop_identity,
    AT.SetExpression: set_expression,
    AT.DropExpression: drop_expression,
}
