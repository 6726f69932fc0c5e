"""Whatever bytes the files of a project hold, a check ends with a result."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.app import check, check_read
from holdfast.schema.output import FORMATS, rendered

ROOT = Path(__file__).parents[4]
FILES = sorted(path for path in (ROOT / "examples/check").rglob("*") if path.is_file())
WORDS = r"""
\ufeff|'|"|$$|/*|--|;|(|)|\\|${|{{|😀|COPY t FROM stdin;|BEGIN;|ALTER TABLE |CREATE |ONLY |NOT NULL
CONCURRENTLY |op.execute(|-- holdfast: ignore create_index because x|END|-- +goose Up|COMMIT;
"""
PIECES = [b"\0", b"\xff", b"\r", b"\n", *WORDS.replace("\n", "|").encode().split(b"|")]
EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 30), st.sampled_from(PIECES)),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = Path.cwd()
    here = tmp_path_factory.mktemp("mutated")
    os.chdir(here)
    yield here
    os.chdir(before)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(original=st.sampled_from(FILES), edits=EDITS, how=st.sampled_from(FORMATS))
def test_no_bytes_stop_a_check(
    folder: Path, original: Path, edits: list[tuple[float, int, bytes]], how: str
) -> None:
    content = original.read_bytes()
    for where, cut, piece in edits:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + cut :]
    name = original.relative_to(ROOT / "examples/check")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    try:
        result = check.run(check_read.read([name.parts[0]]), check.Asked())
        rendered(result, how, effects=True).encode()
    finally:
        (folder / name).unlink()
