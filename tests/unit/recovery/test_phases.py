"""Where the time of a failover went: parts that add up, and nothing that nobody saw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery.ledger import Gap, Row
from holdfast.recovery.phases import Moment, Phases, phases
from holdfast.recovery.timelines import switches

FAILOVER = (
    Moment("fault", 10.0, "kill server a"),
    Moment("released", 11.0, "a"),
    Moment("taken", 11.4, "b"),
    Moment("writable", 12.1, "b"),
)


def parts(found: Phases) -> list[float | None]:
    return [None if each is None else pytest.approx(each) for each in found.to_json().values()]


def test_the_parts_of_a_failover():
    assert parts(phases(FAILOVER, Gap(9.99, 12.3))) == [1.0, 0.4, 0.7, 0.2]


def test_without_a_new_leader_nothing_is_split():
    assert phases(FAILOVER[:1], Gap(9.99, 12.3)) == Phases()
    assert phases(FAILOVER, None) == Phases()
    assert phases((), Gap(9.99, 12.3)) == Phases()


def test_of_two_failovers_the_one_of_the_gap_counts():
    second = tuple(Moment(each.what, each.at_s + 20, each.who) for each in FAILOVER)
    assert parts(phases(FAILOVER + second, Gap(29.9, 33.0))) == [1.0, 0.4, 0.7, 0.9]
    assert parts(phases(FAILOVER + second, Gap(9.9, 13.0))) == [1.0, 0.4, 0.7, 0.9]


def test_a_key_that_is_taken_without_being_released_says_nothing_of_detection():
    found = phases((FAILOVER[0], *FAILOVER[2:]), Gap(9.99, 12.3))
    assert parts(found) == [None, None, 0.7, 0.2]


@given(st.lists(st.floats(0.001, 30), min_size=4, max_size=4), st.floats(0, 1))
def test_the_parts_add_up_to_the_time_since_the_fault(steps: list[float], before: float):
    at, moments = 100.0, [Moment("fault", 100.0)]
    for what, step in zip(("released", "taken", "writable"), steps, strict=False):
        at += step
        moments.append(Moment(what, at, "b"))
    found = phases(moments, Gap(100.0 - before, at + steps[3]))
    told = [found.detect_s, found.elect_s, found.promote_s, found.route_s]
    assert sum(each or 0.0 for each in told) == pytest.approx(sum(steps))


def test_timelines_say_how_long_nobody_wrote():
    rows = [Row(1, k, k, timeline, at_s) for k, (timeline, at_s) in enumerate(
        [(3, 10.0), (3, 11.0), (4, 14.5), (4, 13.5), (6, 20.0)]
    )]  # fmt: skip
    assert [(each.before, each.after, each.seconds) for each in switches(rows)] == [
        (3, 4, 2.5),
        (4, 6, 5.5),
    ]
    assert switches(rows[:2]) == ()
    assert switches([Row(1, 1, 1)]) == ()
