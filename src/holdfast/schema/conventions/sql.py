"""Plain SQL files, run by psql in the order of their names.

psql sends one statement at a time, each a transaction of its own, unless the file opens one. With
`transaction = "file"` in the settings it is run with --single-transaction.
"""

from __future__ import annotations

import re

from holdfast.schema.migration import Direction, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import made, whole
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import PSQL

TITLE = "plain SQL"
RANK = 100

_DUMP = "-- PostgreSQL database dump"
_NUMBERS = re.compile(r"(\d+)")
_VERSION = re.compile(r"\d+")
_DOWN = re.compile(r"(?:^|[._-])(?:down|rollback|revert|undo)(?:$|[._-])", re.IGNORECASE)

_DIRECTION = re.compile(r"[._-](?:up|down|rollback|revert|undo)$", re.IGNORECASE)


def claims(folder: Folder) -> bool:
    """Whatever SQL nobody else wanted."""
    return bool(folder.sql)


def read(group: Group) -> list[Migration]:
    """Each file as psql would run it; `2_x.sql` comes before `10_x.sql`."""
    as_one = group.settings.get("transaction") == "file"
    files = [file for file in group.files if file.path.lower().endswith(".sql")]
    result = []
    for file in sorted(files, key=_place):
        name = file.name[:-4]
        if _DUMP in file.text[:200]:
            said = f"{file.name} is a dump: it shows a schema, not a change"
            seen = problem("schema.unseen", said, file.path, hint="give it to --schema")
            result.append(made(file, (), name, findings=[seen]))
            continue
        found = _VERSION.match(name)
        result.append(
            whole(
                file,
                version=found[0] if found else name,
                title=name,
                direction=Direction.DOWN if _DOWN.search(name) else Direction.UP,
                transaction=as_one,
                dialect=PSQL,
            )
        )
    return result


def _place(file: File) -> tuple[list[tuple[int, str]], bool, str]:
    """By folder and name; the way back right behind the way there."""
    stem = _DIRECTION.sub("", file.path[:-4])
    return _natural(stem), _DOWN.search(file.name[:-4]) is not None, file.path


def _natural(path: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBERS.split(path) if part
    ]
