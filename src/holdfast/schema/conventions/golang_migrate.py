"""golang-migrate: `000001_title.up.sql` and `000001_title.down.sql`.

No transaction is opened. A file is sent as one string, which PostgreSQL runs as one transaction
when it holds several statements; with `multi-statement = true` (x-multi-statement in the URL) each
statement is sent alone.
"""

from __future__ import annotations

import re

from holdfast.schema.migration import Batch, Direction, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import (
    in_order,
    made,
    sent_at_once,
    with_ways_back,
    without_twins,
)
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import statements

TITLE = "golang-migrate"
RANK = 60

_NAME = re.compile(r"(\d+)_(.*)\.(up|down)\.sql$")


def claims(folder: Folder) -> bool:
    """A number, a title and a direction."""
    return folder.has_like(_NAME)


def read(group: Group) -> list[Migration]:
    """By version."""
    alone = group.settings.get("multi-statement") is True
    result = [_migration(file, alone) for file in group.files if file.name.endswith(".sql")]
    return with_ways_back(without_twins(in_order(result)))


def _migration(file: File, alone: bool) -> Migration:
    found = _NAME.match(file.name)
    if found is None:
        said = f"{file.name} is not VERSION_TITLE.up.sql or VERSION_TITLE.down.sql"
        return made(file, (), "", findings=[problem("schema.bad_name", said, file.path)])
    fragments = tuple(statements(settled(file.text)))
    batch = Batch(fragments, transaction=False) if alone else sent_at_once(fragments)
    return made(file, (batch,), found[1].lstrip("0") or "0", found[2], Direction(found[3]))
