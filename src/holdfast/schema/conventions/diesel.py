"""Diesel: `migrations/2024-01-01-000000_title/up.sql` and `down.sql`.

A migration is one transaction, unless the `metadata.toml` beside it says `run_in_transaction =
false`; then the file is sent as one string.
"""

from __future__ import annotations

import re
import tomllib

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

TITLE = "Diesel"
RANK = 31


def claims(folder: Folder) -> bool:
    """A folder of its own with `up.sql`."""
    return "up.sql" in folder.names or ("down.sql" in folder.names and "_" in folder.name)


def root(folder: Folder) -> str:
    """The folder `migrations`."""
    return folder.parent


def read(group: Group) -> list[Migration]:
    """By version, hyphens left out, as Diesel compares them."""
    settings = {file.folder: file.text for file in group.files if file.name == "metadata.toml"}
    files = [file for file in group.files if file.name.endswith(".sql")]
    result = [_migration(file, settings.get(file.folder, "")) for file in files]
    return with_ways_back(without_twins(in_order(result, key=str), key=str))


def _migration(file: File, metadata: str) -> Migration:
    folder = file.folder.rpartition("/")[2]
    version, _, title = folder.partition("_")
    version = version.replace("-", "")
    if file.name not in ("up.sql", "down.sql"):
        said = f"{file.name} is neither up.sql nor down.sql"
        return made(file, (), version, findings=[problem("schema.bad_name", said, file.path)])
    wrong = []
    is_open = False
    try:
        is_open = tomllib.loads(metadata).get("run_in_transaction") is False
    except tomllib.TOMLDecodeError as error:
        where = f"{file.folder}/metadata.toml"
        wrong.append(problem("schema.bad_header", f"metadata.toml is no TOML: {error}", where))
    fragments = tuple(statements(settled(file.text)))
    batch = sent_at_once(fragments) if is_open else Batch(fragments, transaction=True)
    direction = Direction(file.name[:-4])
    return made(file, (batch,), re.sub(r"\s", "", version), title or folder, direction, wrong)
