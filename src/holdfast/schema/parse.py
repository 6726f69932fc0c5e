"""SQL text to syntax trees: the only module that touches the parser.

The grammar is PostgreSQL 18's (libpg_query). Trees are protobuf messages, read and never written,
so they are typed `Any` here: their shape is the grammar's, not ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import postgast
from postgast import PgQueryError

Node = Any
"""A message of the parser's: `node.relation.relname`, `node.cmds`."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One statement: its node's name (`alter_table_stmt`), its tree, its start in bytes."""

    kind: str
    node: Node
    start: int = 0


class Broken(Exception):
    """The text is no SQL; `position` counts characters from 0, -1 where the parser cannot say."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def parsed(sql: str) -> tuple[Parsed, ...]:
    """Every statement of a text; raises `Broken`."""
    if "\0" in sql:
        raise Broken("a NUL character ends the text for PostgreSQL", sql.index("\0"))
    try:
        tree = postgast.parse(sql)
    except PgQueryError as error:
        raise Broken(error.message, _position(sql, error.cursorpos)) from None
    except (UnicodeEncodeError, RecursionError, ValueError) as error:
        raise Broken(str(error), -1) from None
    except Exception as error:  # noqa: BLE001  # protobuf's own error type for trees too deep
        raise Broken(f"cannot be read: {type(error).__name__}", -1) from None
    return tuple(_parsed(raw) for raw in tree.stmts)


def _parsed(raw: Node) -> Parsed:
    kind = raw.stmt.WhichOneof("node")
    return Parsed(kind, getattr(raw.stmt, kind), raw.stmt_location)


def _position(sql: str, cursor: int) -> int:
    """The parser counts characters from 1 where it can; 0 is unknown."""
    return min(cursor - 1, len(sql)) if cursor > 0 else -1


def inner(node: Node) -> tuple[str, Node]:
    """What a `Node` wrapper holds: the alternative's name and the message; ("", None) if empty."""
    kind = node.WhichOneof("node")
    return (kind, getattr(node, kind)) if kind else ("", None)


def strings(nodes: Iterator[Node] | Any) -> tuple[str, ...]:
    """A list of String nodes as text."""
    return tuple(node.string.sval for node in nodes)


def walked(message: Node, without: frozenset[str] = frozenset()) -> Iterator[tuple[str, Node]]:
    """Every node below a message (itself not), with its alternative's name, outside in.

    `without` names fields that are not gone into.
    """
    stack = [message]
    while stack:
        here = stack.pop()
        for field, value in here.ListFields():
            if field.message_type is None or field.name in without:
                continue
            for child in value if field.is_repeated else (value,):
                if type(child) is NODE:
                    kind = child.WhichOneof("node")
                    if kind is None:
                        continue
                    child = getattr(child, kind)  # noqa: PLW2901
                    yield kind, child
                    if kind in LEAVES:
                        continue
                elif child.DESCRIPTOR.name in BARE:
                    yield BARE[child.DESCRIPTOR.name], child
                stack.append(child)


NODE = postgast.pg_query_pb2.Node
LEAVES = frozenset({"a_const", "string", "integer", "float", "boolean", "a_star"})
"""Most of a long INSERT: there is no node below them."""
BARE = {"RangeVar": "range_var", "SelectStmt": "select_stmt", "TypeName": "type_name"}
"""Messages that stand in fields of their own type, without the `Node` wrapper."""


def deparsed(kind: str, node: Node) -> str:
    """One expression as SQL, for comparing and showing; "" where the parser cannot write it."""
    tree = postgast.ParseResult()
    statement = tree.stmts.add().stmt.select_stmt
    target = statement.target_list.add().res_target
    getattr(target.val, kind).CopyFrom(node)
    try:
        return str(postgast.deparse(tree)).removeprefix("SELECT ")
    except PgQueryError:
        return ""
