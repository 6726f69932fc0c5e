"""What a query reads: relations, columns, and the locks of reading and changing rows."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.schema.catalog.objects import Index, Relation
from holdfast.schema.effects.draft import Draft
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, inner, walked


@dataclass(frozen=True, slots=True)
class Read:
    """`reads` pairs relations with columns ("" for the relation itself); `outputs` the columns.

    `outputs` is None where a star or an expression without a name hides them.
    """

    reads: tuple[tuple[Name, str], ...]
    outputs: tuple[str, ...] | None


NO_RELATIONS = frozenset({"into_clause", "locking_clause"})
"""Fields whose RangeVars are new tables or aliases."""


def relations(draft: Draft, kind: str, node: Node) -> dict[Name, str]:
    """The relations that a statement names, with the alias they go by; not its CTEs."""
    found: dict[Name, str] = {}
    tables, ctes = [node] if kind == "range_var" else [], set()
    for what, here in walked(node, NO_RELATIONS):
        if what == "range_var":
            tables.append(here)
        elif what == "common_table_expr":
            ctes.add(here.ctename)
    for here in tables:
        if here.schemaname or here.relname not in ctes:
            alias = here.alias.aliasname if here.HasField("alias") else here.relname
            found.setdefault(draft.named(here), alias)
    return found


def read(draft: Draft, kind: str, node: Node, mode: Mode = Mode.ACCESS_SHARE) -> Read:
    """Lock what a query reads and say which columns of it."""
    named = relations(draft, kind, node)
    for name in named:
        lock_read(draft, name, mode)
    pairs: dict[tuple[Name, str], None] = {}
    for name in named:
        pairs[name, ""] = None
    for what, here in walked(node):
        if what == "column_ref":
            for pair in _column(draft, here, named):
                pairs[pair] = None
    return Read(tuple(pairs), _outputs(draft, node, named) if kind == "select_stmt" else None)


def _column(draft: Draft, node: Node, named: dict[Name, str]) -> list[tuple[Name, str]]:
    fields = [field.string.sval for field in node.fields if field.HasField("string")]
    star = any(field.HasField("a_star") for field in node.fields)
    qualifier = (fields if star else fields[:-1])[-1:]
    found = []
    for name, alias in named.items():
        if qualifier and qualifier[0] != alias:
            continue
        fact = draft.found(name)
        if not isinstance(fact, Relation):
            continue
        if star:
            found += [(name, column.name) for column in fact.columns]
        elif not fact.known or fact.column(fields[-1]) is not None:
            found.append((name, fields[-1]))
    return found


def _outputs(draft: Draft, node: Node, named: dict[Name, str]) -> tuple[str, ...] | None:
    names: list[str] = []
    for wrapped in node.target_list:
        target = wrapped.res_target
        kind, value = inner(target.val)
        if target.name:
            names.append(target.name)
        elif kind == "column_ref" and value.fields[-1].HasField("string"):
            names.append(value.fields[-1].string.sval)
        elif kind == "column_ref" and len(named) == 1 and len(value.fields) == 1:
            fact = draft.found(next(iter(named)))
            if not isinstance(fact, Relation) or not fact.known:
                return None
            names += [column.name for column in fact.columns]
        elif kind == "func_call":
            names.append(value.funcname[-1].string.sval)
        else:
            return None
    return tuple(names)


def lock_read(draft: Draft, name: Name, mode: Mode = Mode.ACCESS_SHARE) -> None:
    """Lock a relation that a query names, with what stands behind a view and in its indexes."""
    fact = draft.found(name)
    if isinstance(fact, Index):
        return
    draft.lock(name, mode)
    if fact is None:
        draft.relation(name)
        return
    if fact.kind == "v":
        for source in dict.fromkeys(source for source, _ in fact.reads):
            lock_read(draft, source, mode)
        return
    for member in draft.tree(fact):
        draft.lock(member.name, mode)
        for index in draft.indexes(member):
            draft.lock(index.name, min(mode, Mode.ROW_EXCLUSIVE))
