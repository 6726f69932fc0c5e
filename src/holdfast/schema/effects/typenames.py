"""Types as they stand in a statement, resolved to what the catalog calls them."""

from __future__ import annotations

from holdfast.schema.catalog.objects import ColumnType, UserType
from holdfast.schema.catalog.types import BUILT_IN
from holdfast.schema.effects.draft import Draft
from holdfast.schema.names import Name
from holdfast.schema.parse import Node, inner, strings


def type_of(node: Node, draft: Draft) -> ColumnType:
    """A TypeName as a ColumnType; a type of somebody's own keeps its schema."""
    path = strings(node.names)
    name = path[-1] if path else ""
    mods = tuple(_mod(mod) for mod in node.typmods)
    array = len(node.array_bounds) > 0
    if name == "interval" and mods:
        mods = mods[1:] if mods[0] == 32767 else mods
    if (len(path) == 1 and name in BUILT_IN) or path[:1] == ("pg_catalog",):
        return ColumnType(name, mods, array)
    where = draft.resolved(path[0] if len(path) > 1 else "", name, "type")
    own = draft.type(where)
    if own is None and len(path) == 1 and (name in ("citext", "hstore", "ltree")):
        return ColumnType(name, mods, array)
    return ColumnType(str(where), mods, array)


def _mod(node: Node) -> int:
    kind, here = inner(node)
    return here.ival.ival if kind == "a_const" else -1


def own_type(found: ColumnType, draft: Draft) -> UserType | None:
    """The database's own type of that name."""
    schema, _, name = found.name.rpartition(".")
    return draft.type(Name(schema, name)) if schema else None


def base_of(found: ColumnType, draft: Draft) -> tuple[ColumnType, bool]:
    """The type below all domains, and whether one of them refuses any of its values."""
    constrained = False
    seen = 0
    own = own_type(found, draft)
    while own is not None and own.kind == "d" and seen < 32:
        constrained = constrained or own.constrained
        found = own.base._replace(array=own.base.array or found.array)
        own = own_type(found, draft)
        seen += 1
    return found, constrained
