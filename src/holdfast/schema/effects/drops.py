"""DROP: what goes, what goes with it, and what stands in the way."""

from __future__ import annotations

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Index, Relation, replace
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.foreign_keys import drop_foreign_key
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, inner, strings

AE, SUE = Mode.ACCESS_EXCLUSIVE, Mode.SHARE_UPDATE_EXCLUSIVE
CASCADE = 2
INDEX, TABLE, VIEW, MATVIEW, SEQUENCE, FOREIGN = 21, 42, 52, 24, 38, 19
TYPE, DOMAIN, SCHEMA, EXTENSION = 50, 13, 37, 16
FUNCTION, PROCEDURE, ROUTINE = 20, 30, 34
TRIGGER, POLICY, RULE = 45, 29, 36
KINDS = {TABLE: "table", VIEW: "view", MATVIEW: "materialized view", SEQUENCE: "sequence",
         FOREIGN: "foreign table"}  # fmt: skip
FITS = {TABLE: "rp", VIEW: "v", MATVIEW: "m", SEQUENCE: "S", FOREIGN: "f"}


def drop(draft: Draft, node: Node) -> None:
    """DROP of anything that hangs in a schema or on a table."""
    what = node.remove_type
    if what == INDEX:
        _indexes(draft, node)
    elif what in KINDS:
        _relations(draft, node)
    elif what in (TRIGGER, POLICY, RULE):
        _on_table(draft, node)
    elif what in (TYPE, DOMAIN):
        _types(draft, node)
    elif what in (FUNCTION, PROCEDURE, ROUTINE):
        _functions(draft, node)
    else:
        _other(draft, node)


def _paths(node: Node) -> list[tuple[str, ...]]:
    found = []
    for wrapped in node.objects:
        kind, here = inner(wrapped)
        if kind == "list":
            found.append(strings(here.items))
        elif kind == "type_name":
            found.append(strings(here.names))
        elif kind == "object_with_args":
            found.append(strings(here.objname))
        elif kind == "string":
            found.append((here.sval,))
    return found


def _name(draft: Draft, path: tuple[str, ...], space: str = "class") -> Name:
    return draft.resolved(path[-2] if len(path) > 1 else "", path[-1], space)


def _indexes(draft: Draft, node: Node) -> None:
    if node.concurrent and draft.world.transaction is not None:
        what = "DROP INDEX CONCURRENTLY"
        draft.cause("inside-transaction", what=what)
        raise Failed("25001", f"{what} cannot run inside a transaction block")
    for path in _paths(node):
        name = _name(draft, path)
        if node.missing_ok and draft.missing(Key("class", name)):
            continue
        if node.concurrent and len(node.objects) > 1:
            raise Failed(
                "0A000", "DROP INDEX CONCURRENTLY does not support dropping multiple objects"
            )
        index = draft.index(name, "42704")
        _index(draft, node, name, index)


def _index(draft: Draft, node: Node, name: Name, index: Index | None) -> None:
    cascade = node.behavior == CASCADE
    mode = SUE if node.concurrent else AE
    if index is None:
        draft.lock(name, mode)
        draft.drop(name)
        draft.cause(
            "drop-index",
            None,
            mode,
            "",
            index=name.sql,
            concurrent="yes" if node.concurrent else "",
        )
        return
    if index.parent is not None:
        raise Failed(
            "2BP01",
            f"cannot drop index {name.short} because index {index.parent.short} requires it",
        )
    table = draft.relation(index.table)
    if index.constraint:
        raise Failed(
            "2BP01",
            f"cannot drop index {name.short} because constraint"
            f" {index.constraint} on table {table.name.short} requires it",
        )
    if node.concurrent and table.kind == "p":
        draft.cause("concurrently.partitioned", table.name)
        raise Failed("0A000", f'cannot drop partitioned index "{name.name}" concurrently')
    _foreign(draft, table, index, cascade)
    # CONCURRENTLY ends with the strongest lock on the index, when nobody uses it any more.
    gone = [index, *(i for i in map(draft.found, index.children) if isinstance(i, Index))]
    for one in gone:
        draft.lock(one.table, mode)
        draft.lock(one.name, AE)
        draft.drop(one.name)
        owner = draft.relation(one.table)
        draft.put(replace(owner, indexes=tuple(n for n in owner.indexes if n != one.name)))
    draft.cause(
        "drop-index",
        table.name,
        mode,
        "",
        index=name.sql,
        columns=", ".join(index.columns),
        unique="yes" if index.unique else "",
        valid="yes" if index.valid else "",
        concurrent="yes" if node.concurrent else "",
    )


def _foreign(draft: Draft, table: Relation, index: Index, cascade: bool) -> None:
    """A foreign key may rest on a unique index that is no constraint's."""
    if not index.unique:
        return
    keys = [c.columns for c in table.constraints if c.kind in "pu"]
    if any(sorted(key) == sorted(index.columns) for key in keys):
        return
    for source, name in table.referenced_by:
        fact = draft.found(source)
        constraint = fact.constraint(name) if isinstance(fact, Relation) else None
        if constraint is not None and sorted(constraint.target_columns) == sorted(index.columns):
            if not cascade:
                raise Failed(
                    "2BP01",
                    f"cannot drop index {index.name.short} because constraint"
                    f" {name} on table {source.short} depends on it",
                )
            draft.lock(source, AE)


def _relations(draft: Draft, node: Node) -> None:
    names = [_name(draft, path) for path in _paths(node)]
    for name in names:
        if draft.missing(Key("class", name)):
            if node.missing_ok:
                continue
            raise Failed("42P01", f'{KINDS[node.remove_type]} "{name.name}" does not exist')
        fact = draft.found(name)
        if isinstance(fact, Relation) and fact.known and fact.kind not in FITS[node.remove_type]:
            raise Failed("42809", f'"{name.name}" is not a {KINDS[node.remove_type]}')
    gone = set(names)
    for name in names:
        fact = draft.found(name)
        if fact is None and draft.missing(Key("class", name)):
            continue
        table = fact if isinstance(fact, Relation) else Relation(name, known=False)
        gone |= {member.name for member in draft.tree(table)}
    for name in names:
        if not draft.missing(Key("class", name)):
            _one(draft, node, name, gone)


def _one(draft: Draft, node: Node, name: Name, gone: set[Name]) -> None:
    table = draft.relation(name)
    cascade = node.behavior == CASCADE
    if table.kind == "S" and table.owner_column is not None and not cascade:
        owner = draft.found(table.owner_column[0])
        column = owner.column(table.owner_column[1]) if isinstance(owner, Relation) else None
        if column is not None and column.default:
            raise Failed(
                "2BP01",
                f"cannot drop sequence {name.short} because other objects"
                f" depend on it: column {column.name}",
            )
    if table.kind == "S" and table.owner_column is not None:
        draft.lock(table.owner_column[0], AE)
    _obstacles(draft, table, gone, cascade)
    if table.partition and table.parents:
        _leave(draft, table)
    kind = KINDS[node.remove_type]
    new = draft.fresh(name)
    for member in tuple(draft.tree(table)):
        _remove(draft, member)
    if table.is_table or table.kind == "m":
        draft.loses.append(f"{kind} {name.short} with its rows")
    if not new:
        draft.breaks.append(f"statements that name {name.short} fail")
    fact = "drop-view" if table.kind == "v" else "drop-table" if table.is_table else "drop-relation"
    draft.cause(
        fact,
        name,
        AE,
        "",
        kind=kind,
        cascade="yes" if cascade else "",
        partition="yes" if table.partition else "",
    )


def _obstacles(draft: Draft, table: Relation, gone: set[Name], cascade: bool) -> None:
    for child in table.children if table.kind == "r" else ():
        if not cascade and child not in gone - {m.name for m in draft.tree(table)}:
            raise Failed(
                "2BP01",
                f"cannot drop table {table.name.short} because other objects"
                f" depend on it: table {child.short}",
            )
    for view in table.dependents:
        if view in gone or not isinstance(draft.found(view), Relation):
            continue
        if not cascade:
            raise Failed(
                "2BP01",
                f"cannot drop {table.name.short} because other objects depend"
                f" on it: view {view.short}",
            )
        fact = draft.relation(view)
        _obstacles(draft, fact, gone, cascade)
        draft.lock(view, AE)
        draft.drop(view)
        draft.cause("cascade", view, AE, "", gone=f"view {view.short}")
    for source, name in table.referenced_by:
        if source in gone:
            continue
        if not cascade:
            raise Failed(
                "2BP01",
                f"cannot drop table {table.name.short} because other objects"
                f" depend on it: constraint {name} on table {source.short}",
            )
        draft.lock(source, AE)
        fact2 = draft.found(source)
        if isinstance(fact2, Relation):
            draft.put(
                replace(fact2, constraints=tuple(c for c in fact2.constraints if c.name != name))
            )
        draft.cause("cascade", source, AE, "", gone=f"constraint {name} on {source.short}")


def _leave(draft: Draft, table: Relation) -> None:
    """A partition that goes locks its parent and the default partition."""
    parent = draft.relation(table.parents[0])
    if parent.referenced_by:
        raise Failed(
            "2BP01",
            f"cannot drop table {table.name.short} because foreign keys refer to"
            f" {parent.name.short}",
        )
    draft.lock(parent.name, AE)
    if parent.default_partition not in (None, table.name):
        assert parent.default_partition is not None
        draft.lock(parent.default_partition, AE)
    draft.cause("drop-partition", parent.name, AE, "", partition=table.name.sql)
    draft.put(
        replace(
            parent,
            children=tuple(name for name in parent.children if name != table.name),
            default_partition=None
            if parent.default_partition == table.name
            else parent.default_partition,
        )
    )


def _remove(draft: Draft, table: Relation) -> None:
    draft.lock(table.name, AE)
    for index in tuple(draft.indexes(table)):
        draft.lock(index.name, AE)
        draft.drop(index.name)
    for name in table.sequences:
        if draft.found(name) is not None:
            draft.lock(name, AE)
            draft.drop(name)
    for constraint in table.constraints:
        if constraint.kind == "f":
            drop_foreign_key(draft, table.name, constraint)
    for source in dict.fromkeys(name for name, _ in table.reads):
        fact = draft.found(source)
        if isinstance(fact, Relation):
            draft.put(
                replace(fact, dependents=tuple(n for n in fact.dependents if n != table.name))
            )
    draft.drop(table.name)


def _on_table(draft: Draft, node: Node) -> None:
    path = _paths(node)[0]
    table = draft.relation(_name(draft, path[:-1]))
    label = {TRIGGER: "trigger", POLICY: "policy", RULE: "rule"}[node.remove_type]
    there = {
        TRIGGER: [t.name for t in table.triggers],
        POLICY: list(table.policies),
        RULE: list(table.rules),
    }[node.remove_type]
    if path[-1] not in there and table.known:
        if node.missing_ok:
            return
        raise Failed("42704", f'{label} "{path[-1]}" for table "{table.name.name}" does not exist')
    for member in draft.tree(table) if table.kind == "p" and label == "trigger" else (table,):
        draft.lock(member.name, AE)
    draft.put(
        replace(
            table,
            triggers=tuple(t for t in table.triggers if t.name != path[-1])
            if label == "trigger"
            else table.triggers,
            policies=tuple(p for p in table.policies if p != path[-1])
            if label == "policy"
            else table.policies,
            rules=tuple(r for r in table.rules if r != path[-1])
            if label == "rule"
            else table.rules,
        )
    )
    draft.cause(f"drop-{label}", table.name, AE, "", name=path[-1])


def _types(draft: Draft, node: Node) -> None:
    for path in _paths(node):
        name = _name(draft, path, "type")
        if draft.type(name) is None:
            if draft.missing(Key("type", name)) and not node.missing_ok:
                raise Failed("42704", f'type "{name.name}" does not exist')
            if node.missing_ok and draft.missing(Key("type", name)):
                continue
        users = [fact for fact in draft.world.facts.values()
                 if isinstance(fact, Relation) and draft.found(fact.name) is not None
                 and any(c.type.name == str(name) for c in fact.columns)]  # fmt: skip
        if users and node.behavior != CASCADE:
            raise Failed(
                "2BP01",
                f"cannot drop type {name.short} because other objects depend on"
                f" it: column of {users[0].name.short}",
            )
        for user in users:
            draft.lock(user.name, AE)
            draft.cause("cascade", user.name, AE, "", gone=f"columns of type {name.short}")
        draft.drop(name, "type")
        draft.cause(
            "drop-object",
            None,
            AE,
            "",
            kind="type",
            name=name.short,
            cascade="yes" if node.behavior == CASCADE else "",
        )


def _functions(draft: Draft, node: Node) -> None:
    for path in _paths(node):
        name = _name(draft, path, "function")
        if draft.function(name) is None and draft.missing(Key("function", name)):
            if node.missing_ok:
                continue
            raise Failed("42883", f"function {name.short} does not exist")
        for fact in tuple(draft.world.facts.values()):
            if isinstance(fact, Relation) and any(t.function == str(name) for t in fact.triggers):
                if node.behavior != CASCADE:
                    raise Failed(
                        "2BP01",
                        f"cannot drop function {name.short} because other"
                        f" objects depend on it: trigger on {fact.name.short}",
                    )
                draft.lock(fact.name, AE)
                draft.cause("cascade", fact.name, AE, "", gone=f"triggers of {name.short}")
        draft.drop(name, "function")
        draft.breaks.append(f"calls of {name.short} fail")
        draft.cause(
            "drop-object",
            None,
            AE,
            "",
            kind="function",
            name=name.short,
            cascade="yes" if node.behavior == CASCADE else "",
        )


def _other(draft: Draft, node: Node) -> None:
    cascade = node.behavior == CASCADE
    for path in _paths(node):
        if node.remove_type == SCHEMA:
            _schema(draft, node, path[-1], cascade)
        draft.cause(
            "drop-object",
            None,
            AE,
            "",
            name=path[-1],
            cascade="yes" if cascade else "",
            kind={SCHEMA: "schema", EXTENSION: "extension"}.get(node.remove_type, "object"),
        )


def _schema(draft: Draft, node: Node, schema: str, cascade: bool) -> None:
    key = Key("schema", Name("", schema))
    facts = {**draft.world.facts, **draft.writes}
    inside = [k.name for k, f in facts.items()
              if k.space in ("class", "type", "function") and k.name.schema == schema
              and f is not None]  # fmt: skip
    if draft.fact(key) is None and not inside and draft.world.complete and schema != "public":
        if node.missing_ok:
            return
        raise Failed("3F000", f'schema "{schema}" does not exist')
    if inside and not cascade:
        raise Failed("2BP01", f"cannot drop schema {schema} because other objects depend on it")
    for name in inside:
        fact = draft.found(name)
        if isinstance(fact, Relation):
            _obstacles(draft, fact, set(inside), cascade=True)
            _remove(draft, fact)
            draft.loses.append(f"{name.short} with its rows")
    draft.writes[key] = None


STATEMENTS = {"drop_stmt": drop}
