"""Functions, DO blocks, CALL: SQL inside strings, read as far as it can be."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import postgast

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Function
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.expressions import volatility as volatility_of_expression
from holdfast.schema.parse import Broken, Node, parsed, strings

CALLER = "CREATE FUNCTION f() RETURNS {} LANGUAGE plpgsql AS {}"
DYNAMIC = ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors")


def create_function(draft: Draft, node: Node) -> None:
    """CREATE FUNCTION, CREATE PROCEDURE: kept for the day when a statement calls it."""
    path = strings(node.funcname)
    name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "function", new=True)
    language, body, volatility = "sql", "", "v"
    for wrapped in node.options:
        option = wrapped.def_elem
        if option.defname == "language":
            language = option.arg.string.sval
        elif option.defname == "as":
            body = "".join(strings(option.arg.list.items))
        elif option.defname == "volatility":
            volatility = option.arg.string.sval[:1]
    if draft.function(name) is not None:
        draft.cause("replace-function", None, function=name.short)
    inlined = _inlined(draft, body) if language == "sql" else ""
    draft.writes[Key("function", name)] = Function(
        name, volatility, language, body, "p" if node.is_procedure else "f", inlined
    )


def _inlined(draft: Draft, body: str) -> str:
    """The volatility of a body that the planner puts in the place of the call: one expression."""
    try:
        found = parsed(body)
    except Broken:
        return ""
    if len(found) != 1 or found[0].kind != "select_stmt":
        return ""
    query = found[0].node
    if query.from_clause or query.where_clause.WhichOneof("node") or len(query.target_list) != 1:
        return ""
    return volatility_of_expression(query.target_list[0].res_target.val, draft)


def do(draft: Draft, node: Node) -> None:
    """DO: its statements are found with their effects; what EXECUTE builds stays unseen."""
    language, body = "plpgsql", ""
    for wrapped in node.args:
        option = wrapped.def_elem
        if option.defname == "language":
            language = option.arg.string.sval
        elif option.defname == "as":
            body = option.arg.string.sval
    draft.cause("do-block", None, language=language)
    if language != "plpgsql":
        draft.unseen.append(f"a block in {language}")
        return
    run(draft, body)


def call(draft: Draft, node: Node) -> None:
    """CALL of a procedure."""
    path = strings(node.funccall.funcname)
    name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "function")
    found = draft.function(name)
    if found is None:
        draft.unseen.append(f"what procedure {name.short} does")
    else:
        called(draft, found)


def called(draft: Draft, found: Function) -> None:
    """What a function of the database's own does when it is called."""
    if found.name in draft.calls:
        return
    draft.calls.add(found.name)
    if found.language == "plpgsql":
        run(draft, found.body)
    elif found.language == "sql":
        _carry_out(draft, found.body)
    else:
        draft.unseen.append(f"what {found.name.short} does, which is {found.language}")


def run(draft: Draft, body: str) -> None:
    """The effects of every statement in a PL/pgSQL body, whichever way the control flows."""
    for kind, text in statements(body):
        if kind == "dynamic":
            draft.unseen.append(f"dynamic SQL: {text}" if text else "dynamic SQL")
            draft.cause("dynamic-sql", None, text=text)
        else:
            _carry_out(draft, text)


def _carry_out(draft: Draft, text: str) -> None:
    from holdfast.schema.effects import families  # noqa: PLC0415  # the table that this is part of

    try:
        found = parsed(text)
    except Broken:
        draft.unseen.append(f"a statement of the block: {text[:60]}")
        return
    for statement in found:
        family = families().get(statement.kind)
        if family is None or statement.kind == "transaction_stmt":
            continue
        # An error inside may be caught there, and may lie on a branch that is never taken.
        with contextlib.suppress(Failed):
            family(draft, statement.node)


def statements(body: str) -> list[tuple[str, str]]:
    """("sql" | "dynamic", text) of a PL/pgSQL body in the order of its text.

    EXECUTE of a constant string is SQL like any other.
    """
    for returns in ("void", "trigger", "int"):
        quoted = "$hf_body$" + body + "$hf_body$"
        try:
            tree = postgast.parse_plpgsql(CALLER.format(returns, quoted))
        except (postgast.PgQueryError, json.JSONDecodeError, UnicodeError, ValueError):
            continue
        return list(_found(tree))
    return [("dynamic", "a body that cannot be read")]


def _found(tree: Any) -> Iterator[tuple[str, str]]:
    stack = [tree]
    while stack:
        here = stack.pop()
        if isinstance(here, list):
            stack.extend(reversed(here))
            continue
        if not isinstance(here, dict):
            continue
        for name, value in here.items():
            if name in DYNAMIC:
                yield _dynamic(_query(value.get("query")))
            elif name in ("PLpgSQL_stmt_execsql", "PLpgSQL_stmt_perform", "PLpgSQL_stmt_call"):
                text = _query(value.get("sqlstmt") or value.get("expr"))
                yield "sql", text
        stack.extend(reversed(list(here.values())))


def _query(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    text = node.get("PLpgSQL_expr", {}).get("query", "")
    return str(text)


def _dynamic(text: str) -> tuple[str, str]:
    """A string constant is as good as SQL; anything else nobody can read."""
    try:
        (statement,) = parsed(f"SELECT {text}")
    except (Broken, ValueError):
        return "dynamic", text
    targets = statement.node.target_list
    if len(targets) == 1 and targets[0].res_target.val.HasField("a_const"):
        constant = targets[0].res_target.val.a_const
        if constant.HasField("sval"):
            return "sql", constant.sval.sval
    return "dynamic", text


STATEMENTS = {"create_function_stmt": create_function, "do_stmt": do, "call_stmt": call}
