"""INSERT, UPDATE, DELETE, MERGE, COPY, SELECT, TRUNCATE, LOCK: statements over rows."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Column, Relation
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.queries import lock_read, read, relations
from holdfast.schema.effects.routines import called
from holdfast.schema.effects.typenames import own_type
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, inner, walked

AE = Mode.ACCESS_EXCLUSIVE
LOCK_MODES = {n: Mode(n) for n in range(1, 9)}


CHANGES = frozenset({"insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"})


def select(draft: Draft, node: Node) -> None:
    """SELECT, with FOR UPDATE a ROW SHARE lock; its functions may do anything."""
    mode = Mode.ROW_SHARE if node.locking_clause else Mode.ACCESS_SHARE
    found = read(draft, "select_stmt", node, mode)
    if node.HasField("into_clause"):
        columns = tuple(Column(name) for name in found.outputs or ())
        made = Relation(draft.named(node.into_clause.rel, new=True), "r", bool(columns), columns)
        draft.put(draft.born(made))
    for kind, here in walked(node):
        if kind in CHANGES:
            change(draft, here)
        if kind == "func_call":
            name = here.funcname[-1].string.sval
            function = draft.function(draft.resolved("", name, "function"))
            if function is not None and function.volatility == "v":
                called(draft, function)


def change(draft: Draft, node: Node) -> None:
    """INSERT, UPDATE, DELETE, MERGE."""
    if draft.version < 15 and node.DESCRIPTOR.name == "MergeStmt":
        raise Failed("42601", "MERGE needs PostgreSQL 15")
    target = draft.named(node.relation)
    for name in relations(draft, "x", node):
        if name != target:
            lock_read(draft, name)
    table = draft.relation(target)
    kind = node.DESCRIPTOR.name.removesuffix("Stmt").lower()
    if table.kind == "v":
        lock_read(draft, target, Mode.ACCESS_SHARE)
        draft.lock(target, Mode.ROW_EXCLUSIVE)
    elif kind == "insert":
        # Its locks on indexes are given back as soon as the rows are in.
        draft.lock(target, Mode.ROW_EXCLUSIVE)
        for sequence in table.sequences:
            draft.lock(sequence, Mode.ROW_EXCLUSIVE)
    else:
        lock_read(draft, target, Mode.ROW_EXCLUSIVE)
    _references(draft, table, kind)
    fresh_label(draft, table, node)
    draft.cause(
        f"rows.{kind}",
        target,
        Mode.ROW_EXCLUSIVE,
        "",
        where="yes" if kind != "insert" and _where(node) else "",
        source=_source(node) if kind == "insert" else "",
    )
    for constraint in table.constraints:
        if constraint.deferred and constraint.kind in "fux":
            draft.pending[target] = constraint.name


def _where(node: Node) -> bool:
    return "where_clause" in node.DESCRIPTOR.fields_by_name and bool(inner(node.where_clause)[0])


def _source(node: Node) -> str:
    kind, query = inner(node.select_stmt)
    if kind != "select_stmt":
        return ""
    return "values" if query.values_lists else "query" if query.from_clause else "row"


def _references(draft: Draft, table: Relation, kind: str) -> None:
    """A checked foreign key takes a ROW SHARE lock on the other table."""
    if kind in ("insert", "update", "merge"):
        for constraint in table.constraints:
            if constraint.kind == "f" and constraint.target and kind == "insert":
                draft.lock(constraint.target, Mode.ROW_SHARE)


def fresh_label(draft: Draft, table: Relation, node: Node) -> None:
    """An enum value cannot be used in the transaction that adds it."""
    for column in table.columns:
        own = own_type(column.type, draft)
        labels = (
            {label for label, serial in own.fresh_labels if serial == draft.world.serial}
            if (own is not None)
            else set[str]()
        )
        for kind, here in walked(node) if labels else ():
            if kind == "a_const" and here.HasField("sval") and here.sval.sval in labels:
                draft.cause(
                    "enum.fresh-used", table.name, type=str(column.type), value=here.sval.sval
                )
                raise Failed(
                    "55P04",
                    f'unsafe use of new value "{here.sval.sval}" of enum type {column.type}',
                )


def refuse_pending(draft: Draft, name: Name, what: str) -> None:
    """Refuse to change a table that deferred checks of this transaction are still about."""
    transaction = draft.world.transaction
    if transaction is not None and name in transaction.pending:
        constraint = transaction.pending[name]
        draft.cause("pending-triggers", name, AE, "", constraint=constraint)
        raise Failed(
            "55006",
            f'cannot {what} "{name.name}" because it has pending trigger events ({constraint})',
        )


def truncate(draft: Draft, node: Node) -> None:
    """TRUNCATE: every row at once, under the strongest lock; CASCADE takes the referencing too."""
    names = [draft.named(wrapped.range_var) for wrapped in node.relations]
    only = {draft.named(w.range_var) for w in node.relations if not w.range_var.inh}
    cascade = node.behavior == 2
    queue, seen = list(names), set[Name]()
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        table = draft.relation(name)
        if table.known and table.kind not in "rpf":
            raise Failed("42809", f'"{name.name}" is not a table')
        refuse_pending(draft, name, "TRUNCATE")
        for member in draft.tree(table) if name not in only else (table,):
            draft.lock(member.name, AE)
            for index in draft.indexes(member) if member.kind != "p" else ():
                draft.lock(index.name, AE)
            seen.add(member.name)
        if node.restart_seqs:
            for sequence in table.sequences:
                draft.lock(sequence, AE)
        for source, _ in table.referenced_by:
            if source in seen or source in names:
                continue
            if not cascade:
                raise Failed(
                    "0A000",
                    "cannot truncate a table referenced in a foreign key"
                    f" constraint: {source.short} references {name.short}",
                )
            queue.append(source)
        draft.loses.append(f"every row of {name.short}")
        draft.cause(
            "truncate", name, AE, "", cascade="yes" if cascade and name not in names else ""
        )


def lock_table(draft: Draft, node: Node) -> None:
    """LOCK TABLE."""
    if draft.world.transaction is None:
        raise Failed("25P01", "LOCK TABLE can only be used in transaction blocks")
    mode = LOCK_MODES.get(node.mode, AE)
    for wrapped in node.relations:
        table = draft.relation(draft.named(wrapped.range_var))
        for member in draft.tree(table) if wrapped.range_var.inh else (table,):
            draft.lock(member.name, mode)
        for source in dict.fromkeys(n for n, _ in table.reads) if table.kind == "v" else ():
            draft.lock(source, mode)
        draft.cause("lock-table", table.name, mode, "")


def copy(draft: Draft, node: Node) -> None:
    """COPY."""
    if not node.HasField("relation"):
        read(draft, *inner(node.query))
        return
    name = draft.named(node.relation)
    if node.is_from:
        table = draft.relation(name)
        draft.lock(table.name, Mode.ROW_EXCLUSIVE)
        draft.cause("rows.copy", name, Mode.ROW_EXCLUSIVE, "")
    else:
        lock_read(draft, name)


def explain(draft: Draft, node: Node) -> None:
    """EXPLAIN locks as its statement does; with ANALYZE it is carried out."""
    from holdfast.schema.effects import families  # noqa: PLC0415  # the table that this is part of

    kind, inside = inner(node.query)
    family = families().get(kind)
    if family is not None:
        family(draft, inside)
    if not any(option.def_elem.defname == "analyze" for option in node.options):
        draft.writes.clear()
        draft.loses.clear()


def constraints(draft: Draft, node: Node) -> None:
    """SET CONSTRAINTS."""
    draft.settles = not node.deferred


STATEMENTS = {
    "select_stmt": select,
    "insert_stmt": change,
    "update_stmt": change,
    "delete_stmt": change,
    "merge_stmt": change,
    "truncate_stmt": truncate,
    "lock_stmt": lock_table,
    "copy_stmt": copy,
    "explain_stmt": explain,
    "constraints_set_stmt": constraints,
}
