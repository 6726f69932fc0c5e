"""Prisma Migrate: `migrations/20240101000000_title/migration.sql`.

The file is sent as one string, which PostgreSQL runs as one transaction when it holds several
statements. There is no way down.
"""

from __future__ import annotations

import re

from holdfast.schema.migration import Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import in_order, made, sent_at_once, without_twins
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import statements

TITLE = "Prisma"
RANK = 30

_FOLDER = re.compile(r"(\d+)_(.*)$")


def claims(folder: Folder) -> bool:
    """A folder of its own, and the one name that Prisma knows."""
    return "migration.sql" in folder.names and (
        "migration_lock.toml" in folder.surroundings or _FOLDER.match(folder.name) is not None
    )


def root(folder: Folder) -> str:
    """The folder `migrations`."""
    return folder.parent


def read(group: Group) -> list[Migration]:
    """By the names of the folders."""
    files = [file for file in group.files if file.name.endswith(".sql")]
    return without_twins(in_order([_migration(file) for file in files], key=str), key=str)


def _migration(file: File) -> Migration:
    folder = file.folder.rpartition("/")[2]
    if file.name != "migration.sql":
        said = f"{file.name} is not migration.sql"
        return made(file, (), folder, findings=[problem("schema.bad_name", said, file.path)])
    found = _FOLDER.match(folder)
    version, title = (found[1], found[2]) if found else (folder, folder)
    return made(file, (sent_at_once(tuple(statements(file.text))),), version, title)
