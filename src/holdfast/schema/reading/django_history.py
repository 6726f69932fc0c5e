"""Django's files, and what is in them, as migrations; `conventions` says how."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.core.finding import Finding
from holdfast.schema.migration import Batch, Fragment, Migration
from holdfast.schema.reading.django_models import State
from holdfast.schema.reading.django_operations import OPERATIONS, Later, Unseen
from holdfast.schema.reading.files import File, Group
from holdfast.schema.reading.making import made
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.python import Called, Computed, parsed, value
from holdfast.schema.reading.split import statements

_NUMBER = re.compile(r"\d+")


def read(group: Group) -> list[Migration]:
    """Each after the ones that it depends on."""
    app = group.root.rpartition("/")[0].rpartition("/")[2] or "app"
    found = [
        one
        for file in group.files
        if file.path.endswith(".py") and (one := _found(file)) is not None
    ]
    state = State(app)
    return [_migration(each, state) for each in _in_order(found, app)]


@dataclass
class _Found:
    """A file with its class; the names it depends on within the app."""

    file: File
    name: str
    body: list[ast.stmt] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)


def _found(file: File) -> _Found | None:
    tree = parsed(file.text)
    name = file.name.removesuffix(".py")
    if not isinstance(tree, ast.Module):
        said, line, column = tree
        wrong = problem("schema.bad_header", f"this is no Python: {said}", file.path, line, column)
        return _Found(file, name, findings=[wrong])
    known: dict[str, Any] = {}
    for each in tree.body:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            known[each.targets[0].id] = value(each.value, known)
        elif isinstance(each, ast.ClassDef) and each.name == "Migration":
            inner = _assigned(each, known)
            return _Found(
                file,
                name,
                each.body,
                {**known, "atomic": inner.get("atomic", True)},
                tuple(_pairs(inner.get("dependencies"))),
                tuple(_pairs(inner.get("replaces"))),
            )
    return None


def _assigned(node: ast.ClassDef, known: dict[str, Any]) -> dict[str, Any]:
    return {
        each.targets[0].id: value(each.value, known)
        for each in node.body
        if isinstance(each, ast.Assign)
        and isinstance(each.targets[0], ast.Name)
        and each.targets[0].id != "operations"
    }


def _pairs(found: Any) -> Iterator[str]:
    for each in found if isinstance(found, list) else ():
        if isinstance(each, list) and len(each) == 2 and all(isinstance(x, str) for x in each):
            yield "/".join(each)


def _in_order(every: list[_Found], app: str) -> list[_Found]:
    here = {f"{app}/{each.name}": each for each in every}
    for each in every:
        for name in each.before:
            if name.startswith(f"{app}/") and name not in here:
                said = f"it depends on {name}, which is in no file here"
                each.findings.append(problem("schema.broken_history", said, each.file.path))
    followed = {name for each in every for name in (*each.before, *each.replaces)}
    heads = [each for name, each in sorted(here.items()) if name not in followed]
    for each in heads[1:]:
        if each.body:
            said = f"nothing follows {each.name}, and nothing follows {heads[0].name}"
            each.findings.append(problem("schema.two_heads", said, each.file.path))
    waiting, ordered, done = sorted(every, key=lambda each: each.name), [], set[str]()
    while waiting:
        ready = [
            each
            for each in waiting
            if all(name in done or name not in here for name in each.before)
        ] or waiting[:1]
        ordered.append(ready[0])
        done.add(f"{app}/{ready[0].name}")
        waiting.remove(ready[0])
    return ordered


def _migration(found: _Found, state: State) -> Migration:
    fragments: list[Fragment] = []
    later: list[Fragment] = []
    for each in found.body:
        if (
            isinstance(each, ast.Assign)
            and isinstance(each.targets[0], ast.Name)
            and each.targets[0].id == "operations"
        ):
            _operations(each.value, found, state, fragments, later)
    batch = Batch((*fragments, *later), transaction=found.known.get("atomic") is not False)
    number = _NUMBER.match(found.name)
    version = number[0] if number else found.name
    one = made(found.file, (batch,), version, found.name, findings=found.findings)
    return replace(one, title=found.name)


def _operations(
    node: ast.expr, found: _Found, state: State, now: list[Fragment], later: list[Fragment]
) -> None:
    if not isinstance(node, ast.List | ast.Tuple):
        now.append(_unseen(node, found, "the list of operations is made by a program"))
        return
    for each in node.elts:
        called = value(each, found.known)
        if not isinstance(called, Called):
            now.append(_unseen(each, found, "an operation is made by a program"))
        elif called.last == "SeparateDatabaseAndState" and isinstance(each, ast.Call):
            inner = _argument(each, 0, "database_operations")
            if inner is not None:
                _operations(inner, found, state, now, later)
        else:
            _operation(each, called, found, state, now, later)


def _argument(node: ast.Call, place: int, name: str) -> ast.expr | None:
    if len(node.args) > place:
        return node.args[place]
    return next((each.value for each in node.keywords if each.arg == name), None)


def _operation(
    node: ast.expr,
    called: Called,
    found: _Found,
    state: State,
    now: list[Fragment],
    later: list[Fragment],
) -> None:
    known = OPERATIONS.get(called.last)
    if known is None:
        now.append(_unseen(node, found, f"{called.name} is no operation that is known here"))
        return
    try:
        for step in list(known(state, called)):
            if isinstance(step, Unseen):
                now.append(_unseen(node, found, step.why))
            elif isinstance(step, Later):
                later += _placed(step.sql, node, found)
            else:
                now += _placed(step, node, found)
    except (Computed, TypeError, IndexError, AttributeError, KeyError):
        said = f"{called.name} is called with what only the program knows"
        now.append(_unseen(node, found, said))


def _placed(sql: str, node: ast.expr, found: _Found) -> list[Fragment]:
    place = _place(node, found)
    return [Fragment(each.sql, *place, each.opaque) for each in statements(sql)]


def _unseen(node: ast.expr, found: _Found, why: str) -> Fragment:
    return Fragment("", *_place(node, found), why)


def _place(node: ast.expr, found: _Found) -> tuple[int, int, int]:
    start = 0
    for _ in range(node.lineno - 1):
        start = found.file.text.find("\n", start) + 1
    return node.lineno, node.col_offset + 1, start + node.col_offset
