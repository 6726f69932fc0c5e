"""The chain of WAL segments, also across timelines; the samples of a large table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery.positions import distance_bytes, gaps, history_of, number_of, segment
from holdfast.recovery.sample import RANGE_BLOCKS, RANGES, ranges


@given(st.integers(1, 2**31), st.integers(0, 2**39))
def test_a_segment_s_name_says_its_place(timeline: int, number: int):
    name = segment(timeline, number)
    assert (number_of(name), int(name[:8], 16)) == (number, timeline)


def test_a_chain_without_a_gap():
    names = [segment(1, number) for number in range(3, 300)]
    assert gaps(names, names[0], [(1, "")]) == ((), names[-1], 297)


def test_each_run_of_missing_segments_is_one_sentence():
    names = {segment(1, number) for number in range(3, 20)} - {segment(1, n) for n in (5, 8, 9)}
    missing, _, count = gaps(names, segment(1, 3), [(1, "")])
    assert missing == (
        f"WAL segment {segment(1, 5)} is missing",
        f"2 WAL segments from {segment(1, 8)} to {segment(1, 9)} are missing",
    )
    assert count == 14


def test_the_chain_goes_on_in_the_segment_in_which_a_timeline_ended():
    history = [*history_of("1\t0/7A00000\tno recovery target specified\n\n"), (2, "")]
    names = [segment(1, n) for n in range(5, 7)] + [segment(2, n) for n in range(7, 10)]
    assert gaps(names, segment(1, 5), history)[0] == ()
    assert gaps(names[:1] + names[2:], segment(1, 5), history)[0] != ()
    # The last segment of the old timeline alone does not do.
    without = [name for name in names if name != segment(2, 7)] + [segment(1, 7)]
    assert gaps(without, segment(1, 5), history)[0] != ()


def test_a_timeline_of_which_nothing_has_arrived_yet_hides_no_gap():
    history = [(1, "0/9000000"), (2, "")]
    names = [segment(1, number) for number in (3, 4, 6, 7)]
    missing, last, count = gaps(names, segment(1, 3), history)
    assert (missing, last, count) == (
        (f"WAL segment {segment(1, 5)} is missing",),
        segment(1, 7),
        4,
    )
    # What an old leader wrote after it was replaced is not in the way.
    assert gaps([*names, segment(1, 5), segment(1, 12)], segment(1, 3), history)[1] == last


def test_the_first_segment_is_missing():
    assert gaps([segment(1, 4)], segment(1, 3), [(1, "")])[0] != ()


def test_distances():
    assert distance_bytes("0/FF000028", "1/1000028") == 2 * 2**24
    assert distance_bytes("", "0/1") is None
    assert distance_bytes("0/2", "0/1") == 0


@given(st.text(max_size=5), st.integers(0, 10**7))
def test_samples_are_within_the_table_and_apart(seed: str, blocks: int):
    found = ranges(seed, "t", blocks)
    assert found == ranges(seed, "t", blocks)
    ends = [0, *(place for each in found for place in each)]
    assert ends == sorted(ends)
    assert ends[-1] <= blocks
    if blocks > RANGES * RANGE_BLOCKS:
        assert sum(high - low for low, high in found) == RANGES * RANGE_BLOCKS
    else:
        assert sum(high - low for low, high in found) == blocks
