"""The bundled examples of each tool, read as the tool would run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.app.check_read import read
from holdfast.schema.conventions import conventions
from holdfast.schema.reading.grouping import histories

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "examples/check"


@pytest.mark.parametrize("tool", sorted(each.name for each in EXAMPLES.iterdir()))
def test_an_example_is_read_as_its_tool_would_run_it(
    tool: str, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = read([f"examples/check/{tool}"])
    assert found.findings == []
    lines = []
    for history in histories(found.folders):
        assert history.tool.id == tool
        lines.append(f"{history.tool.id} in {history.root}")
        for one in history.migrations:
            lines.append(f"  {one.direction} {one.version} {one.title!r} {one.path}")
            lines += [f"    ! {each.id}: {each.message}" for each in one.findings]
            for batch in one.batches:
                lines.append(f"    {'one transaction' if batch.transaction else 'each alone'}")
                lines += [
                    f"      {each.line}:{each.column} {' '.join(each.sql.split()) or each.opaque}"
                    for each in batch.fragments
                ]
    golden(f"{tool}.txt", "\n".join(lines) + "\n")


def test_every_tool_has_an_example() -> None:
    assert {each.name for each in EXAMPLES.iterdir()} == set(conventions())
