"""Django: `app/migrations/0001_title.py`, its operations read without running them.

A migration is one transaction unless it says `atomic = False`. Operations become the SQL that
Django issues on PostgreSQL, field by field as the earlier migrations of the app left them; what a
program does is said to be unseen. With `--run-tool` Django itself is asked (`sqlmigrate`).
"""

from __future__ import annotations

import importlib
import re

from holdfast.schema.migration import Migration
from holdfast.schema.reading.files import Folder, Group

TITLE = "Django"
RANK = 9

_CLASS = re.compile(r"^class Migration\(", re.MULTILINE)


def claims(folder: Folder) -> bool:
    """Python files with a class Migration, in a folder of that name."""
    return folder.name == "migrations" and any(
        _CLASS.search(folder.files[name].text) for name in folder.python[:20]
    )


def read(group: Group) -> list[Migration]:
    """From the first to the last; what parses Python is loaded only where there is some."""
    history = importlib.import_module("holdfast.schema.reading.django_history")
    found: list[Migration] = history.read(group)
    return found
