"""CREATE TABLE, CREATE TABLE AS, CREATE SEQUENCE, CREATE SCHEMA."""

from __future__ import annotations

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Column, Relation, replace
from holdfast.schema.effects.columns import Definition, definition, sequence_name
from holdfast.schema.effects.constraints import Asked, add_constraint
from holdfast.schema.effects.draft import TEMPORARY, Draft, Failed
from holdfast.schema.effects.partitions import attached_new
from holdfast.schema.effects.queries import read
from holdfast.schema.effects.typenames import type_of
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, inner

STRATEGIES = {1: "list", 2: "range", 3: "hash"}


def taken(draft: Draft, name: Name, if_not_exists: bool) -> bool:
    """Whether the statement ends here because the name is in use; it fails unless IF NOT EXISTS."""
    if draft.found(name) is not None:
        if if_not_exists:
            return True
        raise Failed("42P07", f'relation "{name.name}" already exists')
    if if_not_exists and not draft.world.complete and not draft.missing(Key("class", name)):
        # It proves nothing: perhaps it was there, perhaps with other columns.
        draft.put(Relation(name, known=False))
        draft.cause("create.if-not-exists", name)
        return True
    return False


def create_table(draft: Draft, node: Node) -> None:
    """CREATE [UNLOGGED | TEMPORARY] TABLE [IF NOT EXISTS], with partitions and inheritance."""
    name = draft.named(node.relation, new=True)
    if taken(draft, name, node.if_not_exists):
        return
    table = draft.born(
        Relation(
            name,
            "p" if node.HasField("partspec") else "r",
            persistence=node.relation.relpersistence or "p",
            method=node.access_method or "heap",
            tablespace=node.tablespacename,
        )
    )
    if node.HasField("partspec"):
        spec = node.partspec
        keys = tuple(p.partition_elem.name for p in spec.part_params)
        table = replace(table, strategy=STRATEGIES.get(spec.strategy, ""), keys=keys)
    if node.HasField("partbound"):
        table = attached_new(draft, table, node)
    else:
        table = _inherited(draft, table, node)
    draft.put(table)
    table = _elements(draft, table, node)
    draft.put(table)
    draft.cause("create-table", name, temporary="yes" if name.schema == TEMPORARY else "")


def _inherited(draft: Draft, table: Relation, node: Node) -> Relation:
    columns: dict[str, Column] = {}
    for wrapped in node.inh_relations:
        parent = draft.relation(draft.named(wrapped.range_var))
        draft.lock(parent.name, Mode.SHARE_UPDATE_EXCLUSIVE)
        columns.update({c.name: c._replace(inherited=True) for c in parent.columns})
        checks = tuple(c for c in parent.constraints if c.kind == "c" and not c.no_inherit)
        draft.put(replace(parent, children=(*parent.children, table.name)))
        table = replace(
            table,
            parents=(*table.parents, parent.name),
            known=table.known and parent.known,
            constraints=(*table.constraints, *checks),
        )
    return replace(table, columns=tuple(columns.values()))


def _elements(draft: Draft, table: Relation, node: Node) -> Relation:
    """Columns first, then the constraints of both kinds: a key may stand before its column."""
    waiting: list[Asked] = []
    elements = [inner(element) for element in node.table_elts]
    for kind, element in elements:
        if kind == "column_def":
            found = definition(element, draft) if element.HasField("type_name") else None
            if found is not None:
                table = _with_column(draft, table, found)
                waiting += [Asked(c, found.column.name, d, i, creating=True)
                            for c, d, i in found.constraints]  # fmt: skip
        elif kind == "table_like_clause":
            table = _like(draft, table, element)
        elif kind == "constraint":
            waiting.append(Asked(element, creating=True))
    for element in node.constraints:
        waiting.append(Asked(element.constraint, creating=True))
    for asked in sorted(waiting, key=lambda a: a.node.contype == 10):
        table = add_constraint(draft, table, asked)
        draft.put(table)
    return table


def _with_column(draft: Draft, table: Relation, found: Definition) -> Relation:
    column = found.column
    if any(c.name == column.name and not c.inherited for c in table.columns):
        raise Failed("42701", f'column "{column.name}" specified more than once')
    others = tuple(c for c in table.columns if c.name != column.name)
    table = replace(table, columns=(*others, column))
    facts = {"column": column.name, "type": str(column.type), "serial": "yes" if found.serial
             else "", "identity": column.identity, "creating": "yes"}  # fmt: skip
    draft.cause("column", table.name, **facts)
    if found.serial or column.identity:
        return owned_sequence(draft, table, column)
    return table


def owned_sequence(draft: Draft, table: Relation, column: Column) -> Relation:
    """The sequence of a serial or identity column."""
    name = sequence_name(table.name, column.name, "")
    draft.put(
        draft.born(
            Relation(name, "S", type=column.type.name, owner_column=(table.name, column.name))
        )
    )
    return replace(table, sequences=(*table.sequences, name))


def _like(draft: Draft, table: Relation, node: Node) -> Relation:
    source = draft.relation(draft.named(node.relation))
    draft.lock(source.name, Mode.ACCESS_SHARE)
    columns = tuple(
        c._replace(
            default=c.default if node.options & 8 else "",
            identity=c.identity if node.options & 32 else "",
            generated=c.generated if node.options & 16 else "",
            inherited=False,
        )
        for c in source.columns
    )
    checks = tuple(c for c in source.constraints if c.kind == "c") if node.options & 4 else ()
    known = table.known and source.known
    return replace(
        table,
        columns=(*table.columns, *columns),
        known=known,
        constraints=(*table.constraints, *checks),
    )


def create_table_as(draft: Draft, node: Node) -> None:
    """CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW."""
    name = draft.named(node.into.rel, new=True)
    if taken(draft, name, node.if_not_exists):
        return
    found = read(draft, *inner(node.query))
    kind = "m" if node.objtype == 24 else "r"
    columns = tuple(Column(column) for column in found.outputs or ())
    if node.into.col_names:
        columns = tuple(Column(c.string.sval) for c in node.into.col_names)
    made = Relation(
        name,
        kind,
        known=bool(columns),
        columns=columns,
        reads=found.reads if kind == "m" else (),
        populated=not node.into.skip_data,
        persistence=node.into.rel.relpersistence or "p",
    )
    draft.put(draft.born(made))
    if kind == "m":
        depend(draft, name, found.reads)


def depend(draft: Draft, view: Name, reads: tuple[tuple[Name, str], ...]) -> None:
    """Let what a view reads know of it."""
    for source in dict.fromkeys(name for name, _ in reads):
        fact = draft.found(source)
        if isinstance(fact, Relation) and view not in fact.dependents:
            draft.put(replace(fact, dependents=(*fact.dependents, view)))


def create_sequence(draft: Draft, node: Node) -> None:
    """CREATE SEQUENCE."""
    name = draft.named(node.sequence, new=True)
    if taken(draft, name, node.if_not_exists):
        return
    kind = "int8"
    for option in node.options:
        if option.def_elem.defname == "as":
            kind = type_of(option.def_elem.arg.type_name, draft).name
    draft.put(draft.born(Relation(name, "S", type=kind)))


def create_foreign_table(draft: Draft, node: Node) -> None:
    """CREATE FOREIGN TABLE."""
    base = node.base_stmt
    name = draft.named(base.relation, new=True)
    if taken(draft, name, base.if_not_exists):
        return
    table = draft.born(Relation(name, "f"))
    draft.put(_elements(draft, table, base))


def create_schema(draft: Draft, node: Node) -> None:
    """CREATE SCHEMA, with what is made inside."""
    name = node.schemaname or node.authrole.rolename
    draft.writes[Key("schema", Name("", name))] = Relation(Name("", name), "n")
    for element in node.schema_elts:
        kind, inside = inner(element)
        family = {"create_stmt": create_table, "create_seq_stmt": create_sequence}.get(kind)
        if family is not None:
            inside.relation.schemaname = inside.relation.schemaname or name
            family(draft, inside)


STATEMENTS = {
    "create_stmt": create_table,
    "create_table_as_stmt": create_table_as,
    "create_seq_stmt": create_sequence,
    "create_foreign_table_stmt": create_foreign_table,
    "create_schema_stmt": create_schema,
}
