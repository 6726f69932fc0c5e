"""Alembic's files, and what is in them, as migrations; `conventions` says how."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.core.finding import Finding
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.reading.alembic_operations import OPERATIONS, TABLE_FIRST, TABLE_SECOND
from holdfast.schema.reading.files import File, Group
from holdfast.schema.reading.making import made
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.python import UNKNOWN, Called, Computed, dotted, parsed, value
from holdfast.schema.reading.split import statements

_MOST_CALLS = 5
_MOST_TURNS = 50
_READS = frozenset({"get_bind", "get_context", "f", "inline_literal", "implementation_for"})


def read(group: Group) -> list[Migration]:
    """From the first revision to the last; branches in the order of their names."""
    found = [one for file in group.files if file.path.endswith(".py") for one in _revisions(file)]
    return _in_order(found)


@dataclass(frozen=True, slots=True)
class _Revision:
    """A file's revision, the ones before it, and its migrations."""

    id: str
    before: tuple[str, ...]
    migrations: tuple[Migration, ...]


def _revisions(file: File) -> Iterator[_Revision]:
    tree = parsed(file.text)
    if not isinstance(tree, ast.Module):
        said, line, column = tree
        wrong = problem("schema.bad_header", f"this is no Python: {said}", file.path, line, column)
        yield _Revision("", (), (made(file, (), "", findings=[wrong]),))
        return
    known: dict[str, Any] = {}
    for each in tree.body:
        if isinstance(each, ast.Assign | ast.AnnAssign):
            _assign(each, known)
    revision = known.get("revision")
    if not isinstance(revision, str) or "down_revision" not in known:
        return
    before = known["down_revision"]
    earlier = before if isinstance(before, list) else [before]
    needs = known.get("depends_on")
    earlier += needs if isinstance(needs, list) else [needs]
    titles = [line for line in (ast.get_docstring(tree) or "").splitlines() if line.strip()]
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    made_of = []
    for name, direction in (("upgrade", Direction.UP), ("downgrade", Direction.DOWN)):
        if name in functions:
            reading = _Reading(file, known, functions)
            reading.body(functions[name].body, dict(known), 0)
            title = titles[0].strip() if titles else file.name
            made_of.append(made(file, reading.batches(), revision, title, direction))
    yield _Revision(
        revision, tuple(each for each in earlier if isinstance(each, str)), tuple(made_of)
    )


def _assign(node: ast.Assign | ast.AnnAssign, known: dict[str, Any]) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name):
            known[target.id] = value(node.value, known)


class _Reading:
    """One function, followed into what it calls."""

    def __init__(
        self, file: File, known: Mapping[str, Any], functions: Mapping[str, ast.FunctionDef]
    ) -> None:
        self.file, self.known, self.functions = file, known, functions
        self.parts: list[tuple[bool, list[Fragment]]] = [(True, [])]
        self.starts = [0]
        for line in file.text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def batches(self) -> list[Batch]:
        return [Batch(tuple(found), transaction) for transaction, found in self.parts if found]

    def body(self, body: list[ast.stmt], known: dict[str, Any], depth: int) -> None:
        for each in body:
            self._statement(each, known, depth)

    def _statement(self, node: ast.stmt, known: dict[str, Any], depth: int) -> None:
        match node:
            case ast.Expr(value=ast.Call() as call):
                self._call(call, known, depth)
            case ast.Assign() | ast.AnnAssign():
                if isinstance(node.value, ast.Call):
                    self._call(node.value, known, depth)
                _assign(node, known)
            case ast.With():
                self._with(node, known, depth)
            case ast.For():
                self._for(node, known, depth)
            case ast.If() | ast.While():
                self.body(node.body, known, depth)
                self.body(node.orelse, known, depth)
            case ast.Try():
                for part in (node.body, node.orelse, node.finalbody):
                    self.body(part, known, depth)

    def _for(self, node: ast.For, known: dict[str, Any], depth: int) -> None:
        turns = value(node.iter, known)
        if not isinstance(turns, list) or len(turns) > _MOST_TURNS:
            turns = [UNKNOWN]
        for each in turns:
            inner = dict(known)
            if isinstance(node.target, ast.Name):
                inner[node.target.id] = each
            elif isinstance(node.target, ast.Tuple) and isinstance(each, list):
                for target, part in zip(node.target.elts, each, strict=False):
                    if isinstance(target, ast.Name):
                        inner[target.id] = part
            self.body(node.body, inner, depth)

    def _with(self, node: ast.With, known: dict[str, Any], depth: int) -> None:
        inner = dict(known)
        alone = False
        for item in node.items:
            called = value(item.context_expr, known)
            if not isinstance(called, Called):
                continue
            alone = alone or called.last == "autocommit_block"
            if isinstance(item.optional_vars, ast.Name):
                inner[item.optional_vars.id] = called
        if alone:
            self.parts.append((False, []))
        self.body(node.body, inner, depth)
        if alone:
            self.parts.append((True, []))

    def _call(self, node: ast.Call, known: dict[str, Any], depth: int) -> None:
        called = value(node, known)
        if not isinstance(called, Called):
            return
        owner, _, method = called.name.rpartition(".")
        if not owner:
            self._local(called, known, depth)
            return
        holder = known.get(owner)
        if isinstance(holder, Called) and holder.last == "batch_alter_table":
            self._operation(node, _in_batch(called, holder))
        elif owner == "op" or owner.endswith(".op"):
            if method not in _READS and method != "batch_alter_table":
                self._operation(node, called)
        elif method == "execute":
            self._operation(node, replace(called, name="execute"))
        elif method in ("create", "drop") and isinstance(node.func, ast.Attribute):
            self._type(node, value(node.func.value, known), method)

    def _local(self, called: Called, known: dict[str, Any], depth: int) -> None:
        function = self.functions.get(called.name)
        if function is None or depth >= _MOST_CALLS:
            return
        names = [argument.arg for argument in function.args.args]
        inner = {**self.known, **dict(zip(names, called.args, strict=False)), **called.kwargs}
        self.body(function.body, inner, depth + 1)

    def _type(self, node: ast.Call, found: Any, method: str) -> None:
        """`sa.Enum("a", name="mood").create(bind)`."""
        if not isinstance(found, Called) or found.last not in ("Enum", "ENUM"):
            return
        title = found.kwargs.get("name")
        if isinstance(title, str) and method == "drop":
            self._add(node, f'DROP TYPE "{title}"')
        elif isinstance(title, str):
            labels = ", ".join(f"'{each}'" for each in found.args if isinstance(each, str))
            self._add(node, f'CREATE TYPE "{title}" AS ENUM ({labels})')

    def _operation(self, node: ast.Call, called: Called) -> None:
        known = OPERATIONS.get(called.last)
        if known is None:
            self._unseen(node, f"{dotted(node)} is no operation that is known here")
            return
        try:
            for sql in list(known(called)):
                self._add(node, sql)
        except (Computed, TypeError, IndexError, AttributeError):
            self._unseen(node, f"{dotted(node)} is called with what only the program knows")

    def _add(self, node: ast.Call, sql: str) -> None:
        line, column, offset = self._place(node)
        for each in statements(sql):
            self.parts[-1][1].append(Fragment(each.sql, line, column, offset, each.opaque))

    def _unseen(self, node: ast.Call, why: str) -> None:
        self.parts[-1][1].append(Fragment("", *self._place(node), why))

    def _place(self, node: ast.Call) -> tuple[int, int, int]:
        line, column = node.lineno, node.col_offset + 1
        return line, column, self.starts[min(line, len(self.starts)) - 1] + column - 1


def _in_batch(called: Called, holder: Called) -> Called:
    """An operation of a batch with its table put back."""
    table, schema = holder.get(0, "table_name"), holder.get(1, "schema")
    kwargs = {**called.kwargs, **({"schema": schema} if schema is not None else {})}
    args = called.args
    if called.last in TABLE_FIRST:
        args = (table, *args)
    elif called.last in TABLE_SECOND and args:
        args = (args[0], table, *args[1:])
    return Called(called.last, args, kwargs)


def _in_order(every: list[_Revision]) -> list[Migration]:
    """Each after the ones it revises; what is wrong with the chain is said at its place."""
    by_id: dict[str, _Revision] = {}
    more: dict[int, list[Finding]] = {}
    for each in every:
        if each.id and each.id in by_id:
            said = f"revision {each.id} is also that of {_path(by_id[each.id])}"
            more[id(each)] = [problem("schema.duplicate_version", said, _path(each))]
        elif each.id:
            by_id[each.id] = each
    for each in every:
        for name in each.before:
            if name not in by_id:
                said = f"it follows revision {name}, which is in no file here"
                found = problem("schema.broken_history", said, _path(each))
                more.setdefault(id(each), []).append(found)
    ordered = _sorted(every, by_id, more)
    followed = {name for each in every for name in each.before}
    heads = [each for each in by_id.values() if each.id not in followed]
    for each in heads[1:] if len(heads) > 1 else ():
        said = f"revision {each.id} is a head, and so is {heads[0].id}"
        more.setdefault(id(each), []).append(problem("schema.two_heads", said, _path(each)))
    return [one for each in ordered for one in _with(each, more.get(id(each), []))]


def _sorted(
    every: list[_Revision], by_id: Mapping[str, _Revision], more: dict[int, list[Finding]]
) -> list[_Revision]:
    waiting = sorted(every, key=_path)
    done: dict[str, None] = {}
    ordered: list[_Revision] = []
    while waiting:
        ready = [
            each
            for each in waiting
            if all(name in done or name not in by_id for name in each.before)
        ]
        if not ready:
            said = "the revisions follow each other in a circle"
            for each in waiting:
                found = problem("schema.broken_history", said, _path(each))
                more.setdefault(id(each), []).append(found)
            return ordered + waiting
        ordered += ready
        done.update(dict.fromkeys(each.id for each in ready))
        taken = {id(each) for each in ready}
        waiting = [each for each in waiting if id(each) not in taken]
    return ordered


def _path(one: _Revision) -> str:
    return one.migrations[0].path if one.migrations else one.id


def _with(one: _Revision, findings: list[Finding]) -> Iterator[Migration]:
    for place, each in enumerate(one.migrations):
        yield replace(each, findings=(*each.findings, *findings)) if place == 0 else each
