"""Partitions: created, attached, detached; of tables and of their indexes."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Constraint, Index, Relation, replace
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.naming import chosen
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, deparsed, inner

AE, SUE = Mode.ACCESS_EXCLUSIVE, Mode.SHARE_UPDATE_EXCLUSIVE


def bound_of(node: Node) -> str:
    """A partition's bound as comparable text; "default" for the default partition."""
    if node.is_default:
        return "default"
    if node.strategy == "h":
        return f"modulus {node.modulus} remainder {node.remainder}"
    parts = [[deparsed(*inner(datum)) for datum in datums]
             for datums in (node.listdatums, node.lowerdatums, node.upperdatums)]  # fmt: skip
    return repr(parts)


def attached_new(draft: Draft, table: Relation, node: Node) -> Relation:
    """CREATE TABLE ... PARTITION OF: the parent and its default partition are locked."""
    parent = draft.relation(draft.named(node.inh_relations[0].range_var))
    if parent.known and parent.kind != "p":
        raise Failed(
            "42P17" if parent.kind == "r" else "42809", f'"{parent.name.name}" is not partitioned'
        )
    draft.lock(parent.name, AE)
    draft.cause("partition-of", parent.name, AE, "", partition=table.name.short)
    bound = bound_of(node.partbound)
    _lock_default(draft, parent, bound, "partition-of")
    _overlap(draft, parent, bound)
    parent = draft.relation(parent.name)
    default = table.name if bound == "default" else parent.default_partition
    draft.put(replace(parent, children=(*parent.children, table.name), default_partition=default))
    for target in dict.fromkeys(c.target for c in parent.constraints if c.kind == "f"):
        if target is not None:
            draft.lock(target, Mode.SHARE_ROW_EXCLUSIVE)
    for source, _ in parent.referenced_by:
        draft.lock(source, Mode.SHARE_ROW_EXCLUSIVE)
    table = replace(
        table,
        columns=tuple(c._replace(inherited=True) for c in parent.columns),
        known=parent.known,
        partition=True,
        parents=(parent.name,),
        bound=bound,
        constraints=tuple(replace(c, inherited=True) for c in parent.constraints if c.kind in "cf"),
    )
    draft.put(table)
    return _own_indexes(draft, parent, table)


def _overlap(draft: Draft, parent: Relation, bound: str) -> None:
    for name in parent.children:
        sibling = draft.found(name)
        if isinstance(sibling, Relation) and sibling.bound == bound and bound:
            raise Failed("42P17", f'partition would overlap partition "{name.name}"')


def _lock_default(draft: Draft, parent: Relation, bound: str, why: str) -> None:
    """Rows in the default partition that belong to the new one are looked for."""
    default = parent.default_partition
    if default is None or bound == "default":
        return
    fact = draft.found(default)
    for member in draft.tree(fact) if isinstance(fact, Relation) else ():
        draft.lock(member.name, AE)
        if member.kind == "r" and not _checked(member, parent):
            draft.scan(member.name)
    draft.cause("default-partition", default, AE, "scan", parent=parent.name.short, by=why)


def _checked(member: Relation, parent: Relation) -> bool:
    """A CHECK on the partition key may spare the scan; which rows it allows is not worked out."""
    return any(
        c.kind == "c" and c.validated and set(parent.keys) & set(c.columns)
        for c in member.constraints
    )


def _own_indexes(draft: Draft, parent: Relation, table: Relation) -> Relation:
    """The partition gets an index for each of the parent's, unless it has one alike."""
    for index in tuple(draft.indexes(parent)):
        if index.constraint:
            draft.lock(index.name, SUE)
        label = next((c.kind for c in parent.constraints if c.index == index.name), "")
        suffix = {"p": "pkey", "u": "key", "x": "excl"}.get(label, "idx")
        keys = () if label == "p" else tuple(key or "expr" for key in index.columns)
        alike = _alike(draft, table, index, label)
        if alike is not None:
            draft.put(replace(alike, parent=index.name))
            draft.put(replace(index, children=(*index.children, alike.name)))
            continue
        name = Name(table.name.schema, chosen(draft, table.name, keys, suffix))
        own = draft.born(
            replace(
                index,
                name=name,
                table=table.name,
                parent=index.name,
                constraint=name.name if label else "",
                children=(),
                only=False,
            )
        )
        draft.put(own)
        draft.put(replace(index, children=(*index.children, name)))
        table = replace(table, indexes=(*table.indexes, name))
        if label:
            constraint = next(c for c in parent.constraints if c.index == index.name)
            mine = Constraint(name.name, label, constraint.columns, index=name, inherited=True)
            table = replace(table, constraints=(*table.constraints, mine))
        if table.kind == "r":
            draft.build(name, table.name)
    return table


def _alike(draft: Draft, table: Relation, index: Index, label: str) -> Index | None:
    for own in draft.indexes(table):
        same = (own.columns, own.unique, own.method, own.predicate, own.expressions)
        if (
            same == (index.columns, index.unique, index.method, index.predicate, index.expressions)
            and own.parent is None
            and own.valid
            and bool(own.constraint) >= bool(label)
        ):
            return own
    return None


def attach(draft: Draft, parent: Relation, node: Node) -> None:
    """ALTER TABLE ... ATTACH PARTITION; the parent is locked by the caller."""
    child = draft.relation(draft.named(node.name))
    if parent.known and parent.kind != "p":
        raise Failed(
            "42809" if draft.version >= 18 else "42P17",
            f'table "{parent.name.name}" is not partitioned',
        )
    if child.partition:
        raise Failed("42809", f'"{child.name.name}" is already a partition')
    _same_columns(parent, child)
    bound = bound_of(node.bound)
    _overlap(draft, parent, bound)
    spared = _checked(child, parent)
    for member in draft.tree(child):
        draft.lock(member.name, AE)
        if member.kind == "r" and not spared:
            draft.scan(member.name)
    work = "" if spared else "scan"
    draft.cause(
        "attach-partition",
        child.name,
        AE,
        work,
        parent=parent.name.short,
        keys=", ".join(parent.keys),
    )
    _lock_default(draft, parent, bound, "attach-partition")
    for target in dict.fromkeys(c.target for c in parent.constraints if c.kind == "f"):
        if target is not None:
            draft.lock(target, Mode.SHARE_ROW_EXCLUSIVE)
            if child.kind == "r":
                draft.scan(child.name)
    for source, _ in parent.referenced_by:
        draft.lock(source, Mode.SHARE_ROW_EXCLUSIVE)
    _link(draft, parent, child, bound)


def _same_columns(parent: Relation, child: Relation) -> None:
    if not (parent.known and child.known):
        return
    for column in child.columns:
        if parent.column(column.name) is None:
            raise Failed(
                "42804",
                f'table "{child.name.name}" contains column "{column.name}"'
                f' not found in parent "{parent.name.name}"',
            )
    for column in parent.columns:
        own = child.column(column.name)
        if own is None:
            raise Failed("42804", f'child table is missing column "{column.name}"')
        if own.type != column.type:
            raise Failed(
                "42804",
                f'child table "{child.name.name}" has different type for column "{column.name}"',
            )
        if column.not_null and not own.not_null:
            raise Failed("42804", f'column "{column.name}" in child table must be marked NOT NULL')
    for check in parent.constraints:
        if check.kind == "c" and not any(
            c.kind == "c" and c.name == check.name for c in child.constraints
        ):
            raise Failed("42804", f'child table is missing constraint "{check.name}"')


def _link(draft: Draft, parent: Relation, child: Relation, bound: str) -> None:
    child = replace(child, partition=True, parents=(parent.name,), bound=bound)
    draft.put(child)
    child = _own_indexes(draft, parent, child)
    draft.put(child)
    parent = draft.relation(parent.name)
    default = child.name if bound == "default" else parent.default_partition
    draft.put(replace(parent, children=(*parent.children, child.name), default_partition=default))


def detach(draft: Draft, parent: Relation, node: Node) -> None:
    """ALTER TABLE ... DETACH PARTITION [CONCURRENTLY]."""
    child = draft.relation(draft.named(node.name))
    if parent.known and parent.kind != "p":
        raise Failed("42809", f'table "{parent.name.name}" is not partitioned')
    if parent.known and child.known and child.name not in parent.children:
        raise Failed(
            "42P01",
            f'relation "{child.name.name}" is not a partition of relation "{parent.name.name}"',
        )
    if node.concurrent:
        _detach_concurrently(draft, parent, child)
    else:
        draft.lock(child.name, AE)
        draft.cause("detach-partition", parent.name, AE, "", partition=child.name.sql)
        if parent.default_partition is not None:
            draft.lock(parent.default_partition, AE)
    for target in dict.fromkeys(c.target for c in child.constraints if c.kind == "f"):
        if target is not None:
            draft.lock(target, Mode.SHARE_ROW_EXCLUSIVE)
    parent = draft.relation(parent.name)
    draft.put(
        replace(
            parent,
            children=tuple(name for name in parent.children if name != child.name),
            default_partition=None
            if parent.default_partition == child.name
            else parent.default_partition,
        )
    )
    for source, _ in parent.referenced_by:
        draft.lock(source, AE)
        draft.scan(source)
    draft.put(replace(child, partition=False, parents=(), bound=""))
    for index in tuple(draft.indexes(child)):
        if index.parent is not None:
            draft.lock(index.name, AE)
            draft.put(replace(index, parent=None))


def _detach_concurrently(draft: Draft, parent: Relation, child: Relation) -> None:
    if draft.version < 14:
        raise Failed("42601", "DETACH PARTITION CONCURRENTLY needs PostgreSQL 14")
    if draft.world.transaction is not None:
        what = "ALTER TABLE ... DETACH CONCURRENTLY"
        draft.cause("inside-transaction", parent.name, what=what)
        raise Failed("25001", f"{what} cannot run inside a transaction block")
    if parent.default_partition is not None:
        draft.cause("detach.default-partition", parent.name)
        raise Failed(
            "55000", "cannot detach partitions concurrently when a default partition exists"
        )
    draft.lock(child.name, AE)
    draft.cause("detach-partition.concurrently", parent.name, SUE, "", partition=child.name.sql)


def attach_index(draft: Draft, name: Name, node: Node) -> None:
    """ALTER INDEX ... ATTACH PARTITION."""
    parent = draft.index(name)
    child = draft.index(draft.named(node.name))
    draft.lock(name, SUE if draft.version >= 12 else AE)
    if child is not None:
        draft.lock(child.name, AE)
        draft.lock(child.table, Mode.ACCESS_SHARE)
    if parent is not None:
        draft.lock(parent.table, Mode.ACCESS_SHARE)
    if parent is None or child is None:
        return
    if child.parent is not None and child.parent != parent.name:
        raise Failed(
            "55000",
            f'cannot attach index "{child.name.name}" as a partition of index "{parent.name.name}"',
        )
    draft.put(replace(child, parent=parent.name))
    draft.put(replace(parent, children=(*parent.children, child.name)))
