"""RENAME and SET SCHEMA: quick for the server, and at once for everybody."""

from __future__ import annotations

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Index, Relation, replace
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, inner, strings

AE = Mode.ACCESS_EXCLUSIVE
COLUMN, TABLE, INDEX, VIEW, MATVIEW, SEQUENCE, CONSTRAINT = 7, 42, 21, 52, 24, 38, 41
TRIGGER, POLICY, RULE, TYPE, SCHEMA, FOREIGN = 45, 29, 36, 50, 37, 19
RELATIONS = frozenset({TABLE, INDEX, VIEW, MATVIEW, SEQUENCE, FOREIGN})


def rename(draft: Draft, node: Node) -> None:
    """ALTER ... RENAME TO."""
    what = node.rename_type
    if what == COLUMN:
        _column(draft, node)
    elif what in RELATIONS:
        _relation(draft, node)
    elif what in (CONSTRAINT, TRIGGER, POLICY, RULE) and node.HasField("relation"):
        _part(draft, node)
    else:
        _object(draft, node)


def _gone(draft: Draft, node: Node, name: Name) -> bool:
    return bool(node.missing_ok) and draft.missing(Key("class", name))


def _column(draft: Draft, node: Node) -> None:
    name = draft.named(node.relation)
    if _gone(draft, node, name):
        return
    table = draft.relation(name)
    old, new = node.subname, node.newname
    if table.known and table.column(old) is None:
        raise Failed("42703", f'column "{old}" does not exist')
    if table.column(new) is not None:
        raise Failed("42701", f'column "{new}" of relation "{name.name}" already exists')
    found = table.column(old)
    if found is not None and found.inherited:
        raise Failed("42P16", f'cannot rename inherited column "{old}"')
    members = tuple(draft.tree(table)) if node.relation.inh else (table,)
    if table.children and not node.relation.inh:
        raise Failed("42P16", f'inherited column "{old}" must be renamed in child tables too')
    for member in members:
        draft.lock(member.name, AE)
        draft.put(_renamed(draft.relation(member.name), old, new))
        for index in tuple(draft.indexes(member)):
            draft.put(
                replace(
                    index, columns=_swap(index.columns, old, new), used=_swap(index.used, old, new)
                )
            )
    _elsewhere(draft, table, old, new)
    draft.breaks.append(f"statements that name {name.short}.{old} fail")
    draft.cause("rename-column", name, AE, "", old=old, new=new)


def _swap(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def _renamed(table: Relation, old: str, new: str) -> Relation:
    return replace(
        table,
        columns=tuple(c._replace(name=new) if c.name == old else c for c in table.columns),
        keys=_swap(table.keys, old, new),
        constraints=tuple(
            replace(c, columns=_swap(c.columns, old, new), not_null=_swap(c.not_null, old, new))
            for c in table.constraints
        ),
    )


def _elsewhere(draft: Draft, table: Relation, old: str, new: str) -> None:
    """Views and foreign keys follow the column by number."""
    for name in table.dependents:
        view = draft.found(name)
        if isinstance(view, Relation):
            reads = tuple((n, new if n == table.name and c == old else c) for n, c in view.reads)
            draft.put(replace(view, reads=reads))
    for source, name2 in table.referenced_by:
        fact = draft.found(source)
        if isinstance(fact, Relation):
            draft.put(
                replace(
                    fact,
                    constraints=tuple(
                        replace(c, target_columns=_swap(c.target_columns, old, new))
                        if c.name == name2
                        else c
                        for c in fact.constraints
                    ),
                )
            )


def _relation(draft: Draft, node: Node) -> None:
    name = draft.named(node.relation)
    if _gone(draft, node, name):
        return
    fact = draft.found(name)
    new = Name(name.schema, node.newname)
    if isinstance(fact, Index) or (fact is None and node.rename_type == INDEX):
        draft.index(name)
        draft.lock(name, Mode.SHARE_UPDATE_EXCLUSIVE if draft.version >= 12 else AE)
        if isinstance(fact, Index):
            _move_index(draft, fact, new)
        return
    table = draft.relation(name)
    draft.lock(name, AE)
    if draft.found(new) is not None:
        raise Failed("42P07", f'relation "{node.newname}" already exists')
    moved(draft, table, new)
    draft.breaks.append(f"statements that name {name.short} fail")
    kind = {"S": "rename-object", "v": "rename-table", "m": "rename-table"}.get(table.kind)
    draft.cause(
        kind or "rename-table",
        name,
        AE,
        "",
        old=name.name,
        new=node.newname,
        kind={"v": "view", "m": "materialized view", "S": "sequence"}.get(table.kind, "table"),
    )


def _move_index(draft: Draft, index: Index, new: Name) -> None:
    if draft.found(new) is not None:
        raise Failed("42P07", f'relation "{new.name}" already exists')
    draft.drop(index.name)
    draft.put(replace(index, name=new))
    table = draft.relation(index.table)
    draft.put(
        replace(
            table,
            indexes=tuple(new if name == index.name else name for name in table.indexes),
            constraints=tuple(
                replace(c, name=new.name, index=new) if c.index == index.name else c
                for c in table.constraints
            ),
        )
    )
    for name in index.children:
        child = draft.found(name)
        if isinstance(child, Index):
            draft.put(replace(child, parent=new))


def moved(draft: Draft, table: Relation, new: Name) -> None:
    """A relation under another name, and everything that points to it."""
    old = table.name
    draft.drop(old)
    draft.put(replace(table, name=new))
    for index in tuple(draft.indexes(table)):
        draft.put(replace(index, table=new))
    for name in table.sequences:
        fact = draft.found(name)
        if isinstance(fact, Relation) and fact.owner_column is not None:
            draft.put(replace(fact, owner_column=(new, fact.owner_column[1])))
    for name in {*table.parents, *table.children, *table.dependents,
                 *(source for source, _ in table.referenced_by),
                 *(c.target for c in table.constraints if c.target is not None),
                 *(source for source, _ in table.reads)}:  # fmt: skip
        fact = draft.found(name if name != old else new)
        if isinstance(fact, Relation):
            draft.put(_pointing(fact, old, new))


def _pointing(fact: Relation, old: Name, new: Name) -> Relation:
    def at(name: Name) -> Name:
        return new if name == old else name

    default = fact.default_partition
    return replace(
        fact,
        parents=tuple(map(at, fact.parents)),
        children=tuple(map(at, fact.children)),
        dependents=tuple(map(at, fact.dependents)),
        default_partition=None if default is None else at(default),
        referenced_by=tuple((at(source), name) for source, name in fact.referenced_by),
        reads=tuple((at(source), column) for source, column in fact.reads),
        constraints=tuple(
            replace(c, target=at(c.target)) if c.target is not None else c for c in fact.constraints
        ),
    )


def _part(draft: Draft, node: Node) -> None:
    """A constraint, trigger, policy or rule of a table."""
    name = draft.named(node.relation)
    if _gone(draft, node, name):
        return
    table = draft.relation(name)
    draft.lock(name, AE)
    if node.rename_type == CONSTRAINT:
        if table.known and table.constraint(node.subname) is None:
            raise Failed(
                "42704", f'constraint "{node.subname}" for table "{name.name}" does not exist'
            )
        constraint = table.constraint(node.subname)
        if constraint is not None and constraint.index is not None:
            draft.lock(constraint.index, Mode.SHARE_UPDATE_EXCLUSIVE if draft.version >= 12 else AE)
        draft.put(
            replace(
                table,
                constraints=tuple(
                    replace(c, name=node.newname) if c.name == node.subname else c
                    for c in table.constraints
                ),
            )
        )
    draft.cause("rename-object", name, AE, "", old=node.subname, new=node.newname, kind="object")


def _object(draft: Draft, node: Node) -> None:
    kind, here = inner(node.object)
    path = strings(here.items) if kind == "list" else ()
    if kind == "type_name":
        path = strings(here.names)
    elif kind == "object_with_args":
        path = strings(here.objname)
    old = node.subname or (path[-1] if path else "")
    draft.breaks.append(f"statements that name {old} fail")
    label = {TYPE: "type", SCHEMA: "schema"}.get(node.rename_type, "object")
    if label == "type" and path:
        name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "type")
        found = draft.type(name)
        if found is not None:
            draft.drop(name, "type")
            draft.put_type(replace(found, name=Name(name.schema, node.newname)))
    draft.cause("rename-object", None, AE, "", old=old, new=node.newname, kind=label)


def set_schema(draft: Draft, node: Node) -> None:
    """ALTER ... SET SCHEMA."""
    if not node.HasField("relation"):
        draft.cause("set-schema", None, AE, "", schema=node.newschema, name="")
        return
    name = draft.named(node.relation)
    if _gone(draft, node, name):
        return
    table = draft.relation(name)
    draft.lock(name, AE)
    if node.newschema == "pg_temp":
        raise Failed("0A000", "cannot move objects into or out of temporary schemas")
    new = Name(node.newschema, name.name)
    if draft.found(new) is not None:
        raise Failed("42P07", f'relation "{name.name}" already exists in schema "{new.schema}"')
    for index in tuple(draft.indexes(table)):
        draft.drop(index.name)
        draft.put(replace(index, name=Name(node.newschema, index.name.name)))
    for sequence in table.sequences:
        draft.lock(sequence, AE)
    indexes = tuple(Name(node.newschema, index.name) for index in table.indexes)
    moved(draft, replace(table, indexes=indexes), Name(node.newschema, name.name))
    draft.breaks.append(f"statements that find {name.short} in {name.schema} fail")
    draft.cause("set-schema", name, AE, "", schema=node.newschema, name=name.name)


STATEMENTS = {"rename_stmt": rename, "alter_object_schema_stmt": set_schema}
