"""ALTER COLUMN ... TYPE: from free to a rewrite of the table with all its indexes."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Column, ColumnType, Index, Relation
from holdfast.schema.catalog.types import assigns, same_bytes, same_order
from holdfast.schema.effects.alter_columns import changed, needed
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.subcommands import AT
from holdfast.schema.effects.typenames import base_of, own_type, type_of
from holdfast.schema.names import Mode
from holdfast.schema.parse import Node, inner, strings

AE = Mode.ACCESS_EXCLUSIVE
UTC = frozenset(
    {
        "utc",
        "gmt",
        "etc/utc",
        "etc/gmt",
        "zulu",
        "etc/zulu",
        "uct",
        "etc/uct",
        "universal",
        "etc/universal",
        "greenwich",
        "etc/greenwich",
        "0",
        "+00",
        "+00:00",
        "gmt0",
        "etc/gmt0",
    }
)


def alter_type(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """TYPE: rewrite, index builds, checks of constraints, by what the stored bytes allow."""
    column = needed(table, cmd.name)
    node = getattr(cmd, "def").column_def
    new = type_of(node.type_name, draft)
    collation = strings(node.coll_clause.collname)[-1] if node.HasField("coll_clause") else ""
    _refuse(draft, table, column, recurse)
    rewrites = _rewrites(draft, column, new, node)
    facts = {"column": column.name, "old": str(column.type) if column.type.name else "",
             "new": str(new), "using": "yes" if inner(node.raw_default)[0] else ""}  # fmt: skip
    builds: list[str] = []
    for member in tuple(draft.tree(table)) if recurse else (table,):
        builds += _carry_out(draft, member, column, new, collation, rewrites)
    _tell(draft, table, column, facts, rewrites, builds)
    _recreate(draft, table, column)
    for member in draft.tree(table):
        if member.name != table.name:
            draft.put(changed(member, column.name, type=new, collation=collation))
    return changed(draft.relation(table.name), column.name, type=new, collation=collation)


def _refuse(draft: Draft, table: Relation, column: Column, recurse: bool) -> None:
    for name in table.dependents:
        view = draft.found(name)
        if isinstance(view, Relation) and (table.name, column.name) in view.reads:
            draft.cause("alter-type.view", table.name, view=name.short, column=column.name)
            raise Failed(
                "0A000", f"cannot alter type of a column used by a view or rule: view {name.short}"
            )
    if column.name in table.keys:
        raise Failed(
            "42P16",
            f'cannot alter column "{column.name}" because it is part of the'
            f' partition key of relation "{table.name.name}"',
        )
    if column.inherited:
        raise Failed("42P16", f'cannot alter inherited column "{column.name}"')
    if table.children and not recurse:
        raise Failed(
            "42P16", f'type of inherited column "{column.name}" must be changed in child tables too'
        )


def _rewrites(draft: Draft, column: Column, new: ColumnType, node: Node) -> str:
    """Why every row is written anew: "", incompatible, timezone, using, unknown."""
    old, _ = base_of(column.type, draft)
    base, constrained = base_of(new, draft)
    kind, using = inner(node.raw_default)
    if kind and not _plain(kind, using, column.name, new, draft):
        return "using"
    if not old.name:
        return "unknown"
    if column.type == new:
        return ""
    if not kind and assigns(old, base) is False:
        raise Failed("42804", f'column "{column.name}" cannot be cast automatically to type {new}')
    own = own_type(base, draft)
    if not kind and own is not None and own.kind in ("e", "c", "r") and old.name != base.name:
        raise Failed("42804", f'column "{column.name}" cannot be cast automatically to type {new}')
    if constrained:
        return "domain"
    if {old.name, base.name} == {"timestamp", "timestamptz"} and old.array == base.array:
        zone = draft.world.setting("timezone")
        free = draft.version >= 12 and zone is not None and zone.lower() in UTC
        return "" if free and same_bytes(old, base._replace(name=old.name)) else "timezone"
    return "" if same_bytes(old, base) else "incompatible"


def _plain(kind: str, using: Node, column: str, new: ColumnType, draft: Draft) -> bool:
    """Whether USING says no more than the assignment would: the column, or a cast of it."""
    if kind == "type_cast":
        if type_of(using.type_name, draft) != new:
            return False
        kind, using = inner(using.arg)
    return kind == "column_ref" and strings(using.fields) == (column,)


def _carry_out(
    draft: Draft,
    table: Relation,
    column: Column,
    new: ColumnType,
    collation: str,
    rewrites: str,
) -> list[str]:
    """The indexes that are built anew, by name."""
    if rewrites and table.kind in "rm":
        draft.rewrite(table)
    built = []
    for index in tuple(draft.indexes(table)):
        if column.name not in index.used:
            continue
        draft.lock(index.name, AE)
        if table.kind == "p":
            continue
        keeps = _keeps(draft, index, column, new, collation)
        if rewrites or not keeps:
            draft.build(index.name, table.name)
            built.append(index.name.name)
    if any(c.kind == "c" and column.name in c.columns for c in table.constraints):
        draft.scan(table.name)
    return built


def _keeps(draft: Draft, index: Index, column: Column, new: ColumnType, collation: str) -> bool:
    """Whether CheckIndexCompatible lets the old index stand."""
    if index.expressions or index.predicate:
        return False
    if collation != column.collation:
        return column.name in index.include and column.name not in index.columns
    return same_order(base_of(column.type, draft)[0], base_of(new, draft)[0])


def _recreate(draft: Draft, table: Relation, column: Column) -> None:
    """Foreign keys over the column are dropped and made again, under the strongest lock."""
    for constraint in table.constraints:
        if constraint.kind == "f" and column.name in constraint.columns and constraint.target:
            draft.lock(constraint.target, AE)
    for source, name in table.referenced_by:
        fact = draft.found(source)
        constraint2 = fact.constraint(name) if isinstance(fact, Relation) else None
        if constraint2 is not None and column.name in constraint2.target_columns:
            draft.lock(source, AE)


def _tell(
    draft: Draft,
    table: Relation,
    column: Column,
    facts: dict[str, str],
    rewrites: str,
    builds: list[str],
) -> None:
    facts = {**facts, "why": rewrites, "indexes": ", ".join(builds)}
    work = "rewrite" if rewrites else "build" if builds else ""
    kind = (
        "alter-type.rewrite"
        if rewrites
        else "alter-type.indexes"
        if builds
        else ("alter-type.free")
    )
    draft.cause(kind, table.name, AE, work, **facts)
    if rewrites == "timezone":
        draft.cause("alter-type.timezone", table.name, AE, work, **facts)
    draft.cause("alter-type", table.name, AE, work, **facts)
    draft.breaks.append(
        f"prepared statements that return {table.name.short}.{column.name} fail once"
        " (cached plan must not change result type)"
    )
    invalid = [i.name.name for i in draft.indexes(table) if not i.valid and i.unique]
    if rewrites and invalid:
        draft.cause("rewrite.invalid-index", table.name, AE, work, index=", ".join(invalid))
    for name in table.sequences:
        sequence = draft.found(name)
        if (
            isinstance(sequence, Relation)
            and sequence.owner_column == (table.name, column.name)
            and sequence.type in ("int2", "int4")
            and facts["new"] == "int8"
        ):
            draft.cause("sequence-stays", table.name, sequence=name.sql, column=column.name)


COMMANDS = {AT.AlterColumnType: alter_type}
