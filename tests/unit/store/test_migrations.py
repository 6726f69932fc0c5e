"""Migrations are one line: two that were made side by side are seen before they meet a database."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.store import schema
from holdfast.store.migrations import versions


def test_every_migration_follows_the_one_before() -> None:
    (folder,) = versions.__path__
    found = []
    for file in sorted(Path(folder).glob("[0-9]*.py")):
        text = file.read_text()
        named = dict(re.findall(r'^(revision|down_revision) = "?([^"\n]+)"?$', text, re.MULTILINE))
        found.append((file.name[:4], named["revision"], named["down_revision"]))
    numbers = [f"{n:04}" for n in range(1, len(found) + 1)]
    before = ["None", *numbers]
    assert found == [(n, n, last) for n, last in zip(numbers, before, strict=False)]
    assert schema.head() == numbers[-1]
