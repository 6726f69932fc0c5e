"""node-pg-migrate, SQL migrations: one file with `-- Up Migration` and `-- Down Migration`.

All pending migrations share one transaction. Migrations in JavaScript or TypeScript are programs;
they are named, not read.
"""

from __future__ import annotations

import re

from holdfast.schema.migration import Batch, Direction, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import in_order, made, number, parts, without_twins
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import statements

TITLE = "node-pg-migrate"
RANK = 40

_NAME = re.compile(r"(\d{13,17})_(.*)\.(sql|js|ts|mjs|cjs|mts|cts)$")
_MARK = re.compile(r"^\s*--[\s-]*(up|down)\s+migration[^\n]*$", re.MULTILINE | re.IGNORECASE)
_PAIR = re.compile(r"(.*)\.(up|down)$")


def claims(folder: Folder) -> bool:
    """The marks, or a project that uses it."""
    if folder.marks & {"up migration", "down migration"}:
        return True
    uses = "node-pg-migrate" in folder.surroundings.get("package.json", "")
    return uses and folder.has_like(_NAME)


def read(group: Group) -> list[Migration]:
    """By time stamp."""
    result = [one for file in group.files for one in _migrations(file)]
    return without_twins(in_order(result), key=number)


def _migrations(file: File) -> list[Migration]:
    found = _NAME.match(file.name)
    stem, _, suffix = file.name.rpartition(".")
    version, _, title = stem.partition("_")
    if found is not None and suffix != "sql":
        said = f"{file.name} is a program; only migrations in SQL are read"
        seen = problem("schema.unseen", said, file.path)
        return [made(file, (), version, title, findings=[seen])]
    if suffix != "sql":
        return []
    text = settled(file.text)
    if pair := _PAIR.match(title):
        batch = Batch(tuple(statements(text)), transaction=True)
        return [made(file, (batch,), version, pair[1], Direction(pair[2]))]
    marks = list(_MARK.finditer(text))
    if not marks:
        return [made(file, (Batch(tuple(statements(text)), transaction=True),), version, title)]
    result = []
    for mark, end in parts(marks, len(text)):
        fragments = tuple(statements(text, start=mark.end(), end=end))
        direction = Direction(mark[1].lower())
        result.append(made(file, (Batch(fragments, True),), version, title, direction))
    return result
