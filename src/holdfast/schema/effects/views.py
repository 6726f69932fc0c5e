"""Views and materialised views: what they read, and what refreshing one costs."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Column, Relation, replace
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.queries import read
from holdfast.schema.effects.tables import depend
from holdfast.schema.names import Mode
from holdfast.schema.parse import Node, inner

AE = Mode.ACCESS_EXCLUSIVE


def create_view(draft: Draft, node: Node) -> None:
    """CREATE [OR REPLACE] VIEW."""
    name = draft.named(node.view, new=True)
    old = draft.found(name)
    if old is not None and not node.replace:
        raise Failed("42P07", f'relation "{name.name}" already exists')
    found = read(draft, *inner(node.query))
    outputs = found.outputs
    if node.aliases:
        outputs = tuple(alias.string.sval for alias in node.aliases)
    columns = tuple(Column(column) for column in outputs or ())
    view = Relation(name, "v", known=outputs is not None, columns=columns, reads=found.reads)
    if isinstance(old, Relation):
        if old.kind != "v" and old.known:
            raise Failed("42809", f'"{name.name}" is not a view')
        _same_columns(old, view)
        draft.lock(name, AE)
        view = replace(view, dependents=old.dependents, born=old.born, migration=old.migration)
        draft.cause("replace-view", name, AE, "")
    else:
        view = draft.born(view)
    draft.put(view)
    depend(draft, name, found.reads)


def _same_columns(old: Relation, new: Relation) -> None:
    """OR REPLACE may add columns at the end, and nothing else."""
    if not (old.known and new.known):
        return
    if len(new.columns) < len(old.columns):
        raise Failed("42P16", "cannot drop columns from view")
    for before, after in zip(old.columns, new.columns, strict=False):
        if before.name != after.name:
            raise Failed(
                "42P16", f'cannot change name of view column "{before.name}" to "{after.name}"'
            )


def refresh(draft: Draft, node: Node) -> None:
    """REFRESH MATERIALIZED VIEW [CONCURRENTLY]."""
    name = draft.named(node.relation)
    view = draft.relation(name)
    if view.known and view.kind != "m":
        raise Failed(
            "0A000" if view.kind in "rpv" else "42809", f'"{name.name}" is not a materialized view'
        )
    concurrent = bool(node.concurrent)
    if concurrent and node.skip_data:
        raise Failed("42601", "CONCURRENTLY and WITH NO DATA options cannot be used together")
    if concurrent and view.kind == "m":
        if not view.populated:
            raise Failed(
                "0A000", "CONCURRENTLY cannot be used when the materialized view is not populated"
            )
        if not any(i.unique and not i.predicate and not i.expressions and i.valid
                   for i in draft.indexes(view)):  # fmt: skip
            draft.cause("refresh.no-unique-index", name)
            raise Failed("55000", f'cannot refresh materialized view "{name.name}" concurrently')
    mode = Mode.EXCLUSIVE if concurrent else AE
    draft.lock(name, mode)
    for source in dict.fromkeys(source for source, _ in view.reads):
        draft.lock(source, Mode.ACCESS_SHARE)
    for index in draft.indexes(view):
        draft.lock(index.name, Mode.ROW_EXCLUSIVE if concurrent else AE)
    if not concurrent:
        draft.rewrites[name] = None
        for index in draft.indexes(view):
            draft.builds[index.name] = None
    draft.cause("refresh.concurrently" if concurrent else "refresh", name, mode, "rewrite")
    draft.put(replace(view, populated=not node.skip_data))


STATEMENTS = {"view_stmt": create_view, "refresh_mat_view_stmt": refresh}
