"""CREATE INDEX, REINDEX."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Index, Relation, replace
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.expressions import columns as columns_of
from holdfast.schema.effects.naming import chosen
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, deparsed, inner


def outside(draft: Draft, what: str) -> None:
    """Refuse what cannot run inside a transaction block."""
    if draft.world.transaction is not None:
        draft.cause("inside-transaction", None, Mode.NONE, "", what=what)
        raise Failed("25001", f"{what} cannot run inside a transaction block")


def create_index(draft: Draft, node: Node) -> None:
    """CREATE [UNIQUE] INDEX [CONCURRENTLY] [IF NOT EXISTS] ... ON [ONLY] table."""
    if node.concurrent:
        outside(draft, "CREATE INDEX CONCURRENTLY")
    table = draft.relation(draft.named(node.relation))
    index = _index(draft, node, table)
    mode = Mode.SHARE_UPDATE_EXCLUSIVE if node.concurrent else Mode.SHARE
    if node.idxname and _there(draft, node, index, table, mode):
        return
    _check(draft, node, table)
    _cover(draft, node, table, index, mode)


def _there(draft: Draft, node: Node, index: Index, table: Relation, mode: Mode) -> bool:
    """Whether the name is taken; with IF NOT EXISTS that ends the statement, else it fails."""
    old = draft.found(index.name)
    if old is None:
        if node.if_not_exists and not draft.world.complete:
            draft.cause(
                "index.if-not-exists",
                table.name,
                mode,
                index=index.name.name,
                concurrent="yes" if node.concurrent else "",
            )
        return False
    if not node.if_not_exists:
        raise Failed("42P07", f'relation "{index.name.name}" already exists')
    draft.lock(table.name, mode)
    if isinstance(old, Index) and not old.valid:
        draft.cause("index.kept-invalid", table.name, mode, index=index.name.name)
    return True


def _index(draft: Draft, node: Node, table: Relation) -> Index:
    keys, expressions, used = [], [], list[str]()
    for param in node.index_params:
        elem = param.index_elem
        keys.append(elem.name)
        used.append(elem.name)
        if not elem.name:
            kind, expression = inner(elem.expr)
            expressions.append(deparsed(kind, expression))
            used.extend(columns_of(elem.expr))
    include = tuple(param.index_elem.name for param in node.index_including_params)
    if node.HasField("where_clause"):
        used.extend(columns_of(node.where_clause))
    name = node.idxname or chosen(draft, table.name, [k or "expr" for k in keys], "idx")
    return draft.born(
        Index(
            Name(table.name.schema, name),
            table.name,
            tuple(keys),
            unique=node.unique,
            method=node.access_method or "btree",
            predicate=node.HasField("where_clause"),
            expressions=tuple(expressions),
            include=include,
            used=tuple(dict.fromkeys(name for name in (*used, *include) if name)),
            only=not node.relation.inh,
        )
    )


def _check(draft: Draft, node: Node, table: Relation) -> None:
    """What the server refuses."""
    if table.kind in "vScf":
        what = {"v": "views", "S": "sequences", "c": "composite types", "f": "foreign tables"}
        detail = f"This operation is not supported for {what[table.kind]}."
        raise Failed("42809", f'cannot create index on relation "{table.name.name}": {detail}')
    if table.kind == "p" and node.concurrent:
        draft.cause("concurrently.partitioned", table.name)
        raise Failed(
            "0A000",
            f'cannot create index on partitioned table "{table.name.name}" concurrently',
        )
    if table.known:
        for param in node.index_params:
            name = param.index_elem.name
            if name and table.column(name) is None:
                raise Failed("42703", f'column "{name}" does not exist')


def _cover(draft: Draft, node: Node, table: Relation, index: Index, mode: Mode) -> None:
    """Lock and build, on a partitioned table for every partition."""
    recursive = table.kind == "p" and node.relation.inh
    members = tuple(draft.tree(table)) if recursive else (table,)
    children = []
    for member in members:
        draft.lock(member.name, mode)
        own = index if member is table else _of_partition(draft, index, member)
        if member.kind != "p":
            draft.build(own.name, member.name)
        if member is not table:
            children.append(own.name)
            draft.put(own)
        draft.put(replace(member, indexes=(*member.indexes, own.name)))
    draft.put(replace(index, children=tuple(children)))
    work = "" if table.kind == "p" and not recursive else "build"
    kind = "create-index.concurrently" if node.concurrent else "create-index"
    facts = {"index": index.name.name, "unique": "yes" if index.unique else "",
             "method": index.method, "columns": ", ".join(filter(None, index.columns)),
             "partitioned": "yes" if table.kind == "p" else "",
             "only": "" if node.relation.inh else "yes"}  # fmt: skip
    draft.cause(kind, table.name, mode, work, **facts)


def _of_partition(draft: Draft, index: Index, member: Relation) -> Index:
    keys = [key or "expr" for key in index.columns]
    name = Name(member.name.schema, chosen(draft, member.name, keys, "idx"))
    return replace(index, name=name, table=member.name, parent=index.name)


def reindex(draft: Draft, node: Node) -> None:
    """REINDEX [CONCURRENTLY] INDEX | TABLE | SCHEMA | DATABASE | SYSTEM."""
    concurrently = any(p.def_elem.defname == "concurrently" for p in node.params)
    if concurrently and draft.version < 12:
        raise Failed("42601", "REINDEX CONCURRENTLY needs PostgreSQL 12")
    if concurrently or node.kind >= 3:
        outside(draft, "REINDEX CONCURRENTLY" if concurrently else "REINDEX")
    if node.kind == 1:
        _reindex_index(draft, node, concurrently)
    elif node.kind == 2:
        table = draft.relation(draft.named(node.relation))
        for member in draft.tree(table) if table.kind == "p" else (table,):
            _reindex_table(draft, member, concurrently)


def _reindex_index(draft: Draft, node: Node, concurrently: bool) -> None:
    name = draft.named(node.relation)
    index = draft.index(name)
    table = index.table if index is not None else None
    if table is not None:
        draft.lock(table, Mode.SHARE_UPDATE_EXCLUSIVE if concurrently else Mode.SHARE)
        draft.build(name, table)
    draft.lock(name, Mode.ACCESS_EXCLUSIVE)
    if not concurrently:
        draft.cause("reindex", table, Mode.SHARE, "build", index=name.name)


def _reindex_table(draft: Draft, table: Relation, concurrently: bool) -> None:
    if table.kind == "p":
        return
    draft.lock(table.name, Mode.SHARE_UPDATE_EXCLUSIVE if concurrently else Mode.SHARE)
    for index in draft.indexes(table):
        draft.lock(index.name, Mode.ACCESS_EXCLUSIVE)
        draft.build(index.name, table.name)
    if not concurrently:
        draft.cause("reindex", table.name, Mode.SHARE, "build", table=table.name.short)


STATEMENTS = {"index_stmt": create_index, "reindex_stmt": reindex}
