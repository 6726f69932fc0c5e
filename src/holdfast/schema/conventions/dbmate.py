"""dbmate: one file with `-- migrate:up` and `-- migrate:down`.

Each part is a transaction unless its mark says `transaction:false`; then it is sent as one string.
"""

from __future__ import annotations

import re

from holdfast.schema.migration import Batch, Direction, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import in_order, made, parts, sent_at_once, without_twins
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import Lines, statements

TITLE = "dbmate"
RANK = 20

_NAME = re.compile(r"(\d+)_(.*)\.sql$")
_MARK = re.compile(r"^--[ \t]*migrate:(up|down)([^\n]*)$", re.MULTILINE)
_OPTION = re.compile(r"(\S+):(\S+)")


def claims(folder: Folder) -> bool:
    """The mark says it."""
    return bool(folder.marks & {"migrate:up", "migrate:down"})


def read(group: Group) -> list[Migration]:
    """By version; up and down of a file are two migrations."""
    result = [
        one for file in group.files if file.name.endswith(".sql") for one in _migrations(file)
    ]
    return without_twins(in_order(result, key=str))


def _migrations(file: File) -> list[Migration]:
    found = _NAME.match(file.name)
    if found is None:
        if file.name in ("schema.sql", "structure.sql"):
            return []
        said = f"{file.name} does not begin with a version and an underscore"
        return [made(file, (), "", findings=[problem("schema.bad_name", said, file.path)])]
    marks = list(_MARK.finditer(file.text))
    if not any(mark[1] == "up" for mark in marks):
        said = "there is no `-- migrate:up` in the file"
        return [made(file, (), found[1], findings=[problem("schema.bad_header", said, file.path)])]
    text, lines, result = settled(file.text), Lines(file.text), []
    for mark, end in parts(marks, len(text)):
        options = dict(_OPTION.findall(mark[2]))
        wrong = []
        if options.get("transaction", "true") not in ("true", "false"):
            said = f"transaction is {options['transaction']!r}, neither true nor false"
            place = lines.place(mark.start())
            wrong.append(problem("schema.bad_header", said, file.path, *place))
        fragments = tuple(statements(text, start=mark.end(), end=end))
        is_open = options.get("transaction") == "false"
        batch = sent_at_once(fragments) if is_open else Batch(fragments, transaction=True)
        result.append(made(file, (batch,), found[1], found[2], Direction(mark[1]), wrong))
    return result
