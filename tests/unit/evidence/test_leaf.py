"""A leaf is the same bytes for the same fact, and reads as that fact again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.evidence.leaf import Record, content, record

AT = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
FACT = Record(
    id="op-7k2m9qwd4",
    kind="backup",
    at=AT,
    database="orders",
    actor="ada",
    operation_id="op-7k2m9qwd4",
    measured={"took_s": 1e-7, "b": 2, "a": [True, None, 1.0, "é"]},
    reasons=("none",),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(
        st.characters(exclude_characters="\0", exclude_categories=("Cs",))), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def test_the_text_is_canonical() -> None:
    assert content(3, FACT) == (
        '{"actor":"ada","at":"2026-03-01T12:00:00.000250+00:00","database":"orders",'
        '"id":"op-7k2m9qwd4","kind":"backup","measured":{"a":[true,null,1,"é"],"b":2,'
        '"took_s":1e-7},"operation":"op-7k2m9qwd4","reasons":["none"],"seq":3,"verdict":""}'
    )


def test_a_moment_is_told_in_utc() -> None:
    elsewhere = Record("a", "b", AT.astimezone(timezone(timedelta(hours=2))))
    assert content(0, elsewhere) == content(0, Record("a", "b", AT))


@given(st.integers(0, 2**40), st.dictionaries(st.text(max_size=3), json_values, max_size=3))
def test_it_reads_as_what_it_was_made_of(seq: int, measured: dict) -> None:
    text = content(seq, Record("i", "k", AT, measured=measured))
    place, found = record(text)
    assert place == seq
    assert content(place, found) == text
    assert "\\u0000" not in text


def test_what_json_cannot_hold_exactly_becomes_text() -> None:
    odd = Record("a", "b", AT, measured={"lsn": 2**60, "said": "a\0b\ud800", "ok": 2**53 - 1})
    measured = json.loads(content(0, odd))["measured"]
    assert measured == {"lsn": str(2**60), "said": "a\ufffdb\ufffd", "ok": 2**53 - 1}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seq": 1}', "null", "3"])
def test_what_is_no_leaf_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError):
        record(text)
