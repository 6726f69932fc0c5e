"""The verdict on a restore test, and the comparison it rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.promise import Verdict
from holdfast.recovery.comparison import Comparison, Count, Written, comparison, suspects
from holdfast.recovery.restore_test import REQUIRED, Seen, Step, checks, verdict

OK = Step(True, 1.0)
SEEN = Seen(
    restore=OK,
    start=OK,
    structure=OK,
    checksums=OK,
    backup="20260101-010101F",
    size_bytes=2**20,
    wanted_point="holdfast_1",
    reached_point="holdfast_1",
    compared=Comparison(equal=("a.b.c",), rows=1),
)


def test_a_sound_backup_is_proven():
    assert verdict(SEEN).verdict is Verdict.PROVEN
    assert [check.id for check in checks(SEEN)] == list(REQUIRED)


@pytest.mark.parametrize("name", ["restore", "start", "structure", "checksums"])
def test_a_failed_step_fails_it_and_a_step_that_could_not_be_done_leaves_it_open(name: str):
    failed = verdict(replace(SEEN, **{name: Step(False, 0.1, "pages are wrong")}))
    assert (failed.verdict, failed.reasons[0]) == (Verdict.FAILED, f"{name}: pages are wrong")
    unable = verdict(replace(SEEN, **{name: Step(None, 0.1, "no space")}))
    assert unable.verdict is Verdict.UNPROVEN
    missing = verdict(replace(SEEN, **{name: None}))
    assert missing.verdict is Verdict.UNPROVEN


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"wanted_point": ""}, Verdict.UNPROVEN),
        ({"reached_point": ""}, Verdict.FAILED),
        ({"compared": None}, Verdict.UNPROVEN),
        ({"compared": None, "why_not_compared": "nobody leads"}, Verdict.UNPROVEN),
        ({"compared": Comparison(different=("t has 1 row",))}, Verdict.FAILED),
        ({"compared": Comparison(equal=("a",), open=("b was not counted",))}, Verdict.UNPROVEN),
        ({"compared": Comparison(equal=("a",), bounded=("b",))}, Verdict.PROVEN),
    ],
)
def test_what_the_comparison_says(change: dict, expected: Verdict):
    assert verdict(replace(SEEN, **change)).verdict is expected


def test_nothing_seen_is_unproven():
    assert verdict(Seen()).verdict is Verdict.UNPROVEN


QUIET = Count(10, "h", 1, Written(10, 0, 0))


@pytest.mark.parametrize(
    ("copy", "now", "group"),
    [
        (QUIET, None, "equal"),
        (Count(10, None, 1), None, "counted"),
        (Count(9, "g", 1), QUIET, "different"),
        (Count(10, "g", 1), QUIET, "different"),
        (Count(12, "g", 1), replace(QUIET, written=Written(12, 0, 0)), "bounded"),
        (Count(13, "g", 1), replace(QUIET, written=Written(12, 0, 0)), "different"),
        (Count(8, "g", 1), replace(QUIET, written=Written(10, 0, 2)), "bounded"),
        (Count(10, "g", 1), replace(QUIET, written=Written(10, 1, 0)), "bounded"),
        (Count(9, "g", 1), replace(QUIET, written=Written(0, 0, 0)), "open"),
        (Count(0, "0", 2), replace(QUIET, file=2), "open"),
        (Count(None, None, 1, why_not="locked"), QUIET, "open"),
        (None, QUIET, "different"),
        (None, None, "open"),
    ],
)
def test_how_one_table_compares(copy: Count | None, now: Count | None, group: str):
    found = comparison(
        {"d.s.t": QUIET}, {"d.s.t": copy} if copy else {}, {"d.s.t": now} if now else {}
    )
    assert len(getattr(found, group)) == 1
    assert found.tables == 1


def test_a_table_that_the_source_did_not_have():
    assert comparison({}, {"d.s.t": QUIET}, {"d.s.t": QUIET}).bounded == ("d.s.t",)
    assert len(comparison({}, {"d.s.t": QUIET}, {}).open) == 1


counts = st.dictionaries(
    st.sampled_from("abcd"),
    st.builds(Count, st.none() | st.integers(0, 3), st.none() | st.sampled_from("xy")),
)


@given(counts, counts, counts)
def test_every_table_is_in_one_group_and_a_difference_is_never_equal(source, copy, now):
    found = comparison(source, copy, now)
    assert found.tables == len({*source, *copy})
    for name in found.equal:
        assert (source[name].rows, source[name].hash) == (copy[name].rows, copy[name].hash)
    assert set(suspects(source, copy)).isdisjoint({*found.equal, *found.counted})
