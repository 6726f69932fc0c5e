"""Medians, ratios, and how long one step of a graph was waited for alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.arithmetic import Span, alone_s, median, ratios


def test_a_step_that_others_run_beside_is_taken_off_for_the_rest_only():
    spans = [Span("member", 0, 6), Span("backup", 4, 9), Span("confirm", 9, 10)]
    assert alone_s(spans, "backup") == 3


def test_a_step_that_is_covered_costs_nothing():
    assert alone_s([Span("member", 0, 6), Span("backup", 1, 5)], "backup") == 0


def test_waiting_between_two_steps_is_not_the_backups():
    assert alone_s([Span("archive", 0, 1), Span("backup", 2, 3)], "backup") == 1


def test_several_pieces_add_up():
    spans = [Span("backup", 0, 10), Span("a", 2, 3), Span("b", 5, 6)]
    assert alone_s(spans, "backup") == 8


def test_a_step_that_never_ran_costs_nothing():
    assert alone_s([Span("member", 0, 6)], "backup") == 0


moments = st.integers(0, 50)
spans = st.lists(
    st.builds(
        lambda name, begin, length: Span(name, begin, begin + length),
        st.sampled_from("abc"),
        moments,
        moments,
    ),
    max_size=8,
)


@given(spans)
def test_nobody_is_alone_for_longer_than_everything_takes(found):
    whole = max((span.end_s for span in found), default=0)
    assert sum(alone_s(found, name) for name in "abc") <= whole


@given(spans, moments)
def test_the_origin_of_time_does_not_matter(found, shift):
    later = [Span(span.name, span.begin_s + shift, span.end_s + shift) for span in found]
    assert alone_s(later, "a") == alone_s(found, "a")


def test_ratios_go_round_by_round():
    assert ratios([10, 9], [5, 3]) == (2, 3)


def test_rounds_that_do_not_match_are_a_mistake():
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


def test_a_median_of_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="no values"):
        median([])
