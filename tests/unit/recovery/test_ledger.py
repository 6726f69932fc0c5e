"""The accounting of writes finds exactly what is wrong, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery.ledger import Answer, Attempt, Read, Row, account, gap, rhythm


def attempt(session: int, number: int, answer: str = "acknowledged", ended_s: float = 0.0):
    return Attempt(session, number, "direct", Answer(answer), ended_s - 0.001, ended_s)


def stored(attempts: list[Attempt]) -> list[Row]:
    """What a perfect server holds after these attempts: unknown ones are there too."""
    kept = [each for each in attempts if each.answer is not Answer.FAILED]
    return [Row(each.session, each.number, place) for place, each in enumerate(kept, start=1)]


@st.composite
def ledgers(draw: st.DrawFn) -> list[Attempt]:
    """Attempts of a few sessions, interleaved, each session in its own order."""
    sessions = draw(st.lists(st.integers(1, 5), max_size=60))
    numbers = dict.fromkeys(range(1, 6), 0)
    found = []
    for place, session in enumerate(sessions):
        numbers[session] += 1
        answer = draw(st.sampled_from(list(Answer)))
        found.append(attempt(session, numbers[session], answer, place * 0.01))
    return found


@given(ledgers())
def test_a_perfect_server_is_never_blamed(attempts: list[Attempt]):
    found = account(attempts, stored(attempts))
    assert (found.lost, found.repeated, found.misplaced) == ((), (), ())
    assert (found.resurrected, found.foreign) == ((), ())
    assert found.acknowledged + found.failed + found.unknown == len(attempts)
    assert found.unknown_present == found.unknown


@given(ledgers(), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_are_read_does_not_matter(attempts, random):
    rows = stored(attempts)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert account(attempts, rows) == account(attempts, shuffled)


@given(ledgers(), st.data())
def test_every_lost_acknowledged_write_is_found(attempts, data):
    rows = stored(attempts)
    gone = data.draw(st.sets(st.sampled_from(rows))) if rows else set()
    told = {(each.session, each.number): each.answer for each in attempts}
    found = account(attempts, [row for row in rows if row not in gone])
    expected = {
        (row.session, row.number)
        for row in gone
        if told[row.session, row.number] is Answer.ACKNOWLEDGED
    }
    assert {(each.session, each.number) for each in found.lost} == expected
    assert (found.repeated, found.misplaced, found.foreign) == ((), (), ())


@given(ledgers(), st.data())
def test_a_row_that_is_there_twice_is_found(attempts, data):
    rows = stored(attempts)
    if not rows:
        return
    again = data.draw(st.sampled_from(rows))
    found = account(attempts, [*rows, Row(again.session, again.number, len(rows) + 1)])
    assert found.repeated == ((again.session, again.number),)


@given(ledgers())
def test_rows_that_stand_in_another_order_are_found(attempts):
    rows = stored(attempts)
    backwards = [Row(row.session, row.number, -row.position) for row in rows]
    of_session: dict[int, int] = {}
    for row in rows:
        of_session[row.session] = of_session.get(row.session, 0) + 1
    found = account(attempts, backwards)
    assert len(found.misplaced) == sum(count - 1 for count in of_session.values())
    assert found.lost == ()


def test_a_failed_write_that_is_there_and_a_row_of_nobody_are_found():
    attempts = [attempt(1, 1, "failed"), attempt(1, 2)]
    found = account(attempts, [Row(1, 1, 1), Row(1, 2, 2), Row(9, 1, 3)])
    assert found.resurrected == ((1, 1),)
    assert found.foreign == ((9, 1),)


def test_an_unknown_write_may_be_there_or_not():
    attempts = [attempt(1, 1, "unknown"), attempt(1, 2, "unknown")]
    found = account(attempts, [Row(1, 2, 1)])
    assert (found.unknown, found.unknown_present, found.lost) == (2, 1, ())


def test_the_gap_is_the_longest_silence_beyond_the_fault():
    acks = [attempt(1, k, ended_s=s) for k, s in enumerate([1, 2, 2.9, 3.05, 6.55, 6.6, 7.6])]
    found = gap(acks, fault_s=3.0, end_s=8.0)
    assert found is not None
    assert (found.started_s, found.ended_s) == (3.05, 6.55)


def test_silence_before_the_fault_is_no_gap():
    acks = [attempt(1, k, ended_s=s) for k, s in enumerate([0, 9.9, 10.1, 10.2])]
    found = gap(acks, fault_s=10.0, end_s=10.3)
    assert found is not None
    assert found.seconds == pytest.approx(0.2)


def test_silence_up_to_the_end_counts():
    acks = [attempt(1, k, ended_s=s) for k, s in enumerate([1.0, 2.0, 2.5])]
    found = gap(acks, fault_s=1.9, end_s=60.0)
    assert found is not None
    assert found.seconds == pytest.approx(57.5)


@pytest.mark.parametrize("acks", [[], [1.0, 2.0]])
def test_writes_that_never_resume_have_no_gap(acks: list[float]):
    attempts = [attempt(1, k, ended_s=s) for k, s in enumerate(acks)]
    assert gap(attempts, fault_s=2.0, end_s=60.0) is None


def test_failed_and_unknown_writes_end_no_gap():
    attempts = [attempt(1, 1, ended_s=1), attempt(1, 2, "unknown", 2.5), attempt(1, 3, ended_s=5)]
    found = gap(attempts, fault_s=2.0, end_s=5.0)
    assert found is not None
    assert found.seconds == 4


@given(st.lists(st.floats(0, 20, allow_nan=False), max_size=200))
def test_the_rhythm_counts_every_write_in_its_window_once(moments: list[float]):
    attempts = [attempt(1, k, ended_s=s) for k, s in enumerate(moments)]
    found = rhythm(attempts, fault_s=10.0, before_s=3.0, after_s=5.0)
    assert len(found) == 80
    assert sum(found) == sum(1 for each in moments if 0 <= (each - 7.0) // 0.1 < 80)


def test_a_session_that_does_not_see_its_own_write_is_named_unless_the_write_is_lost():
    written = [attempt(1, 1), attempt(1, 2), attempt(2, 1)]
    rows = [Row(1, 1, 1), Row(2, 1, 2)]
    reads = [Read(1, 1, False, 1.0), Read(1, 2, False, 1.0), Read(2, 1, True, 1.0)]
    found = account(written, rows, reads)
    assert found.unread == ((1, 1),)
    assert found.reads == 1
    assert [(lost.session, lost.number) for lost in found.lost] == [(1, 2)]
