"""Alembic: Python files with `revision` and `down_revision`, read without running them.

`upgrade()` is one transaction, but for what stands in an `autocommit_block()`. Operations become
the SQL that they issue on PostgreSQL; what a program computes is said to be unseen. With
`--run-tool` Alembic itself is asked (`alembic upgrade head --sql`).
"""

from __future__ import annotations

import importlib
import re

from holdfast.schema.migration import Migration
from holdfast.schema.reading.files import Folder, Group

TITLE = "Alembic"
RANK = 8

_REVISION = re.compile(r"^(?:down_)?revision\b", re.MULTILINE)


def claims(folder: Folder) -> bool:
    """Python files that say what they revise."""
    return any(_REVISION.search(folder.files[name].text) for name in folder.python[:20])


def read(group: Group) -> list[Migration]:
    """From the first to the last; what parses Python is loaded only where there is some."""
    history = importlib.import_module("holdfast.schema.reading.alembic_history")
    found: list[Migration] = history.read(group)
    return found
