"""Python read without running it: literals, and calls by name; what is computed stays unknown."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.schema.names import quoted

MOST_DEEP = 60
"""Brackets within brackets that are followed."""


class _Missing:
    """What only running the program would tell."""

    def __repr__(self) -> str:
        return "…"


UNKNOWN: Any = _Missing()


class Computed(Exception):
    """A value was needed that only running the program would tell."""


@dataclass(frozen=True)
class Called:
    """A call: `sa.Column("id", sa.Integer())` has the name `sa.Column`."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> str:
        """The name without where it comes from."""
        return self.name.rpartition(".")[2]

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """An argument, given by place or by name."""
        if place < len(self.args):
            return self.args[place]
        return self.kwargs.get(name, default)


def parsed(text: str) -> ast.Module | tuple[str, int, int]:
    """The module, or what is wrong with it, with line and column."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return str(error.msg), error.lineno or 1, error.offset or 1
    except (ValueError, RecursionError, MemoryError) as error:
        return f"it cannot be parsed: {error}", 1, 1


def value(  # noqa: PLR0911 - one answer for each kind of expression
    node: ast.expr | None, known: Mapping[str, Any], depth: int = 0
) -> Any:
    """What an expression means as far as its text tells; `UNKNOWN` otherwise."""
    if depth > MOST_DEEP or node is None:
        return UNKNOWN
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return known.get(node.id, Called(node.id))
        case ast.Attribute():
            return Called(dotted(node))
        case ast.List() | ast.Tuple() | ast.Set():
            return [value(each, known, depth + 1) for each in node.elts]
        case ast.Dict():
            return _dict(node, known, depth)
        case ast.UnaryOp(op=ast.USub()):
            inner = value(node.operand, known, depth + 1)
            return -inner if isinstance(inner, int | float) else UNKNOWN
        case ast.BinOp(op=ast.Add()):
            return _sum(value(node.left, known, depth + 1), value(node.right, known, depth + 1))
        case ast.JoinedStr():
            return _joined(node, known, depth)
        case ast.Call():
            return _call(node, known, depth)
    return UNKNOWN


def dotted(node: ast.expr) -> str:
    """`a.b().c` is `a.b.c`; empty for anything else."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Name):
            return ".".join(reversed([*parts, node.id]))
        else:
            return ""


def _dict(node: ast.Dict, known: Mapping[str, Any], depth: int) -> Any:
    keys = [value(key, known, depth + 1) for key in node.keys]
    values = [value(each, known, depth + 1) for each in node.values]
    return {key: each for key, each in zip(keys, values, strict=True) if isinstance(key, str)}


def _sum(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return [*left, *right] if isinstance(left, list) and isinstance(right, list) else UNKNOWN


def _joined(node: ast.JoinedStr, known: Mapping[str, Any], depth: int) -> Any:
    parts = []
    for each in node.values:
        inner = each.value if isinstance(each, ast.FormattedValue) else each
        found = value(inner, known, depth + 1)
        if not isinstance(found, str | int) or isinstance(found, bool):
            return UNKNOWN
        parts.append(str(found))
    return "".join(parts)


def _call(node: ast.Call, known: Mapping[str, Any], depth: int) -> Any:
    name = dotted(node.func)
    if any(isinstance(each, ast.Starred) for each in node.args):
        args: list[Any] = []
        for each in node.args:
            inner = value(each.value if isinstance(each, ast.Starred) else each, known, depth + 1)
            if isinstance(each, ast.Starred):
                args += inner if isinstance(inner, list) else [UNKNOWN]
            else:
                args.append(inner)
    else:
        args = [value(each, known, depth + 1) for each in node.args]
    kwargs = {each.arg: value(each.value, known, depth + 1) for each in node.keywords if each.arg}
    called = Called(name, tuple(args), kwargs)
    if called.last in ("dedent", "cleandoc") and args and isinstance(args[0], str):
        return textwrap.dedent(args[0])
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
        text = node.func.value.value
        if isinstance(text, str) and called.last in ("strip", "lstrip", "rstrip") and not args:
            return text.strip()
    return called


def text_of(found: Any) -> str:
    """A text that has to be there. Raises `Computed`."""
    if isinstance(found, str):
        return found
    if isinstance(found, Called) and found.last in ("f", "quoted_name", "conv") and found.args:
        return text_of(found.args[0])
    raise Computed


def texts_of(found: Any) -> list[str]:
    """One text or several. Raises `Computed`."""
    return [text_of(each) for each in found] if isinstance(found, list) else [text_of(found)]


def sql_of(found: Any) -> str:
    """An expression of SQL, plain or in `text(...)`. Raises `Computed`."""
    if isinstance(found, Called):
        if found.last in ("text", "DDL", "literal_column", "RawSQL") and found.args:
            return text_of(found.args[0])
        if found.name.startswith(("sa.func.", "func.", "sqlalchemy.func.")):
            inner = ", ".join(literal(each) for each in found.args)
            return f"{found.last}({inner})"
        if found.last in ("true", "false", "null") and not found.args:
            return found.last
    return text_of(found)


def literal(found: Any) -> str:
    """A value as SQL. Raises `Computed`."""
    if found is None:
        return "NULL"
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return str(found)
    if isinstance(found, str):
        return "'" + found.replace("'", "''") + "'"
    if isinstance(found, Called):
        return sql_of(found)
    raise Computed


def name(found: Any, schema: Any = None) -> str:
    """An identifier, with its schema where there is one. Raises `Computed`."""
    plain = quoted(text_of(found))
    return f"{quoted(text_of(schema))}.{plain}" if schema is not None else plain


def names(found: Any) -> str:
    """Identifiers with commas between. Raises `Computed`."""
    return ", ".join(quoted(each) for each in texts_of(found))
