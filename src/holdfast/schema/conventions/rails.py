"""Rails: `db/structure.sql`, what its `db:migrate` leaves behind.

The file is a picture of the schema, not a change. With `--since` the pictures of then and now are
compared, and what differs is checked as the change that leads from one to the other.
"""

from __future__ import annotations

import re

from holdfast.schema.migration import Batch, Fragment, Migration
from holdfast.schema.reading.dump import difference
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import made
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import PSQL, statements

TITLE = "Rails"
RANK = 25

_NAME = re.compile(r"(?:\w+_)?structure\.sql$")
_RUBY = re.compile(r"(\d{14})_(\w+)\.rb$")


def claims(folder: Folder) -> bool:
    """The dump, or the migrations in Ruby."""
    if folder.has_like(_RUBY):
        return True
    return any(_NAME.match(name) for name in folder.sql)


def read(group: Group) -> list[Migration]:
    """The change of each dump; without an earlier one the dump itself is only named."""
    result = []
    before = group.settings.get("before")
    earlier = before if isinstance(before, dict) else {}
    for file in group.files:
        if _NAME.match(file.name):
            result.append(_change(file, earlier.get(file.path)))
        elif _RUBY.match(file.name):
            said = f"{file.name} is a program; check db/structure.sql with --since instead"
            found = problem("schema.unseen", said, file.path)
            result.append(made(file, (), file.name[:14], findings=[found]))
    return result


def _change(file: File, before: object) -> Migration:
    if not isinstance(before, str):
        said = f"{file.name} shows a schema, not a change"
        hint = "give --since REV, or --schema with this file and the migrations beside it"
        found = problem("schema.unseen", said, file.path, hint=hint)
        return made(file, (), file.name, findings=[found])
    fragments: tuple[Fragment, ...] = difference(
        statements(before, PSQL), statements(file.text, PSQL)
    )
    # One transaction for each statement: how the migrations grouped them, the dump does not say.
    return made(file, (Batch(fragments, transaction=False),), file.name)
