"""The comparison of a copy with its source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery.comparison import Count, Written, comparison, is_settled, suspects

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


@pytest.mark.parametrize(
    ("copy", "now", "group"),
    [
        (QUIET, None, "equal"),
        (Count(12, "g", 1), replace(QUIET, written=Written(12, 0, 0)), "different"),
        (Count(10, "g", 1), replace(QUIET, written=Written(10, 1, 0)), "different"),
        (Count(0, "0", 2), replace(QUIET, file=2), "open"),
        (Count(None, None, 1, why_not="locked"), QUIET, "open"),
        (None, None, "different"),
    ],
)
def test_where_nothing_was_committed_in_between_no_counter_excuses_a_difference(
    copy: Count | None, now: Count | None, group: str
):
    found = comparison(
        {"d.s.t": QUIET},
        {"d.s.t": copy} if copy else {},
        {"d.s.t": now} if now else {},
        exact=("d",),
    )
    assert len(getattr(found, group)) == 1
    assert comparison({}, {"d.s.t": QUIET}, {"d.s.t": QUIET}, exact=("d",)).different
    assert is_settled(["d.s.t"], ("d",))
    assert not is_settled(["d.s.t", "e.s.t"], ("d",))


def test_a_large_table_of_which_samples_agree_is_called_sampled():
    large = replace(QUIET, blocks=10**6)
    assert comparison({"d.s.t": large}, {"d.s.t": large}, {}).sampled == ("d.s.t",)


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
