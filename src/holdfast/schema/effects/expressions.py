"""What an expression reads and whether it is volatile."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.schema.catalog.functions import volatility_of
from holdfast.schema.effects.draft import Draft
from holdfast.schema.parse import Node, inner, strings, walked

RANK = {"": 0, "constant": 0, "stable": 1, "unknown": 2, "volatile": 3}
TEMPORAL = frozenset({"timestamptz", "regclass", "timetz", "date", "timestamp", "time"})
SET_RETURNING = "func_call"


def nodes(node: Node) -> Iterable[tuple[str, Node]]:
    """The node itself and everything below it."""
    kind, here = inner(node)
    if here is None:
        return
    yield kind, here
    yield from walked(here)


def volatility(node: Node, draft: Draft) -> str:
    """constant (immutable too), stable, volatile, or unknown where a function is nobody's."""
    worst = "constant"
    for kind, here in nodes(node):
        found = _one(kind, here, draft)
        if RANK[found] > RANK[worst]:
            worst = found
    return worst


def _one(kind: str, here: Node, draft: Draft) -> str:
    if kind == "func_call":
        return called(strings(here.funcname), draft)
    if kind == "sqlvalue_function":
        return "stable"
    if kind in ("sub_link", "select_stmt"):
        return "volatile"
    if kind == "type_cast" and strings(here.type_name.names)[-1] in TEMPORAL:
        return "stable"
    return "constant"


def called(path: tuple[str, ...], draft: Draft) -> str:
    """The volatility of one function by its (perhaps qualified) name."""
    schema, name = (path[0], path[-1]) if len(path) > 1 else ("", path[-1])
    if schema != "pg_catalog":
        own = draft.function(draft.resolved(schema, name, "function"))
        if own is not None and own.inlined:
            return own.inlined
        if own is not None:
            return {"i": "constant", "s": "stable", "v": "volatile"}.get(own.volatility, "unknown")
    if schema in ("", "pg_catalog"):
        return volatility_of(name)
    return "unknown"


def functions(node: Node) -> tuple[tuple[str, ...], ...]:
    """Every function that is called, as a path of names."""
    return tuple(strings(here.funcname) for kind, here in nodes(node) if kind == "func_call")


def sequences(node: Node) -> tuple[str, ...]:
    """The sequences that nextval('...') names."""
    return tuple(
        constant.sval.sval
        for kind, here in nodes(node)
        if kind == "func_call" and here.funcname[-1].string.sval == "nextval" and here.args
        for what, constant in nodes(here.args[0])
        if what == "a_const" and constant.HasField("sval")
    )


def columns(node: Node) -> tuple[str, ...]:
    """Every column that is read, once each."""
    seen: dict[str, None] = {}
    for kind, here in nodes(node):
        if kind == "column_ref" and here.fields and here.fields[-1].HasField("string"):
            seen[here.fields[-1].string.sval] = None
    return tuple(seen)


def proven_not_null(node: Node) -> tuple[str, ...]:
    """The columns that a CHECK of this expression shows to be not null.

    `x IS NOT NULL`, alone or joined by AND, as ConstraintImpliedByRelConstraint finds it.
    """
    kind, here = inner(node)
    if kind == "null_test" and here.nulltesttype == 2:
        inner_kind, column = inner(here.arg)
        if inner_kind == "column_ref" and column.fields[-1].HasField("string"):
            return (column.fields[-1].string.sval,)
    if kind == "bool_expr" and here.boolop == 1:
        return tuple(name for arg in here.args for name in proven_not_null(arg))
    return ()


def is_null(node: Node) -> bool:
    """Whether it is the constant NULL, cast or not."""
    kind, here = inner(node)
    if kind == "type_cast":
        return is_null(here.arg)
    return kind == "a_const" and here.isnull
