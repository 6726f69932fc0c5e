"""goose: one file with `-- +goose Up`, `Down`, `StatementBegin`, `StatementEnd`, `NO TRANSACTION`.

Each direction is a transaction, unless the file says NO TRANSACTION; then every statement is one
of its own. Between StatementBegin and StatementEnd everything is sent as one string. goose itself
cuts statements at a semicolon that ends a line.
"""

from __future__ import annotations

import re

from holdfast.core.finding import Finding
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import in_order, made, without_twins
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import Lines, statements

TITLE = "goose"
RANK = 10

_NAME = re.compile(r"(\d+)_(.*)\.sql$")
_MARK = re.compile(r"^(\s*)--\s*\+goose\s+([^\n]*?)\s*$", re.MULTILINE | re.IGNORECASE)
_KNOWN = ("up", "down", "statementbegin", "statementend", "no transaction", "envsub on",
          "envsub off")  # fmt: skip


def claims(folder: Folder) -> bool:
    """The mark says it."""
    return "+goose" in folder.marks


def read(group: Group) -> list[Migration]:
    """By version; up and down of a file are two migrations."""
    result = [
        one for file in group.files if file.name.endswith(".sql") for one in _migrations(file)
    ]
    return without_twins(in_order(result))


def _migrations(file: File) -> list[Migration]:
    found = _NAME.match(file.name)
    if found is None:
        said = f"{file.name} does not begin with a version and an underscore"
        return [made(file, (), "", findings=[problem("schema.bad_name", said, file.path)])]
    reading = _Reading(file)
    return reading.migrations(found[1].lstrip("0") or "0", found[2])


class _Reading:
    """One file, mark after mark."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.text = settled(file.text, braces=False)
        self.lines = Lines(file.text)
        self.findings: list[Finding] = []
        self.parts: dict[Direction, list[Fragment]] = {}
        self.transaction = True

    def migrations(self, version: str, title: str) -> list[Migration]:
        self._walk()
        if Direction.UP not in self.parts and not self.findings:
            self._complain("there is no `-- +goose Up` in the file", 0)
        parts = self.parts or {Direction.UP: []}
        result = []
        for direction, fragments in parts.items():
            batch = Batch(tuple(fragments), self.transaction)
            wrong = self.findings if direction is next(iter(parts)) else []
            result.append(made(self.file, (batch,), version, title, direction, wrong))
        return result

    def _walk(self) -> None:
        direction: Direction | None = None
        opened, at = -1, 0
        for mark in _MARK.finditer(self.file.text):
            word = " ".join(mark[2].lower().split())
            start = mark.start() + len(mark[1])
            if direction is not None and opened < 0:
                self._take(direction, at, start)
            at = mark.end()
            if mark[1].rpartition("\n")[2] or word not in _KNOWN:
                self._complain(f"goose does not know `-- +goose {mark[2]}` as it is written", start)
            elif word in ("up", "down"):
                direction = self._turn(Direction(word), start)
            elif word == "no transaction":
                self.transaction = False
            elif word == "statementbegin":
                opened = at
            elif word == "statementend" and direction is not None and opened >= 0:
                self._take_whole(direction, opened, start)
                opened = -1
            elif word == "statementend":
                self._complain("`-- +goose StatementEnd` without its StatementBegin", start)
        if opened >= 0:
            self._complain("`-- +goose StatementBegin` is never ended", opened)
        if direction is not None:
            self._take(direction, at if opened < 0 else opened, len(self.text))

    def _turn(self, direction: Direction, start: int) -> Direction:
        if direction in self.parts:
            self._complain(f"there are two `-- +goose {direction.title()}` in the file", start)
        if direction is Direction.DOWN and Direction.UP not in self.parts:
            self._complain("`-- +goose Down` stands before `-- +goose Up`", start)
        self.parts.setdefault(direction, [])
        return direction

    def _take(self, direction: Direction, start: int, end: int) -> None:
        self.parts[direction] += statements(self.text, start=start, end=end)

    def _take_whole(self, direction: Direction, start: int, end: int) -> None:
        # Mostly one function; several statements are still looked at one by one.
        self.parts[direction] += statements(self.text, start=start, end=end)

    def _complain(self, said: str, offset: int) -> None:
        self.findings.append(
            problem("schema.bad_header", said, self.file.path, *self.lines.place(offset))
        )
