from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.schema.reading.placeholders import settled


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a ${b}.c", "a __b_.c"),
        ("a ${flyway:user}", "a __flyway_user_"),
        ("a {{ b }}.c", "a ___b___.c"),
        ("'{{1,2},{3,4}}', {{1}}", "'{{1,2},{3,4}}', {{1}}"),
        ("{% if x %}a{% endif %}", "          a           "),
        ("{{ if .X }}a{{ end }}", "           a         "),
        ("${}", "${}"),
    ],
)
def test_a_name_takes_the_place_of_a_placeholder(text: str, found: str) -> None:
    assert settled(text) == found


def test_a_known_value_takes_it_where_it_fits() -> None:
    assert settled("${s}.t ${long}", {"s": "app", "long": "much_too_long"}) == "app .t __long_"


@given(st.text(alphabet="${} ab{%}\n.,1", max_size=60))
def test_no_offset_moves(text: str) -> None:
    after = settled(text, {"a": "x"})
    assert len(after) == len(text)
    assert [at for at, each in enumerate(after) if each == "\n"] == [
        at for at, each in enumerate(text) if each == "\n"
    ]
