"""sqlx: `20240101000000_title.sql`, or a pair `.up.sql` and `.down.sql`, beside a Cargo.toml.

A migration is one transaction. With `-- no-transaction` as its first line it is sent as one string.
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

TITLE = "sqlx"
RANK = 55

_NAME = re.compile(r"(\d+)_(.*?)(?:\.(up|down))?\.sql$")


def claims(folder: Folder) -> bool:
    """A number and a title, in a Rust project that uses sqlx."""
    uses = "sqlx" in folder.surroundings.get("Cargo.toml", "")
    return (uses or "sqlx.toml" in folder.surroundings) and folder.has_like(_NAME)


def read(group: Group) -> list[Migration]:
    """By version."""
    result = [_migration(file) for file in group.files if file.name.endswith(".sql")]
    return with_ways_back(without_twins(in_order(result)))


def _migration(file: File) -> Migration:
    found = _NAME.match(file.name)
    if found is None:
        said = f"{file.name} is not VERSION_TITLE.sql"
        return made(file, (), "", findings=[problem("schema.bad_name", said, file.path)])
    fragments = tuple(statements(settled(file.text)))
    is_open = file.text.startswith("-- no-transaction")
    batch = sent_at_once(fragments) if is_open else Batch(fragments, transaction=True)
    direction = Direction(found[3] or "up")
    return made(file, (batch,), found[1].lstrip("0") or "0", found[2], direction)
