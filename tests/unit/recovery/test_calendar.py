"""Cron, intervals and windows against a clock that is turned minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.recovery.calendar import Cron, Interval, stretch
from holdfast.spec.values import Window, cron_fault

MINUTE = timedelta(minutes=1)
moments = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE
)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    part = st.one_of(
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.integers(1, 9).map(lambda step: f"*/{step}"),
    )
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=2).map(",".join))


crons = st.tuples(
    field(0, 59), field(0, 23), field(1, 28), st.just("*"), field(0, 7)
).map(" ".join)  # fmt: skip


def is_on(text: str, at: datetime) -> bool:
    """Cron's rule, the slow way."""

    def matches(part: str, value: int, low: int, high: int) -> bool:
        which, _, step = part.partition("/")
        first, _, last = which.partition("-")
        begin = low if which == "*" else int(first)
        end = high if which == "*" else int(last or first)
        return value in range(begin, end + 1, int(step or 1))

    def holds(field: str, value: int, low: int, high: int) -> bool:
        return any(matches(part, value, low, high) for part in field.split(","))

    minute, hour, day, month, weekday = text.split()
    by_day = holds(day, at.day, 1, 31)
    sunday = at.isoweekday() % 7
    by_weekday = holds(weekday, sunday, 0, 7) or (sunday == 0 and holds(weekday, 7, 0, 7))
    either = not day.startswith("*") and not weekday.startswith("*")
    on_day = by_day or by_weekday if either else by_day and by_weekday
    return (
        on_day
        and holds(minute, at.minute, 0, 59)
        and holds(hour, at.hour, 0, 23)
        and holds(month, at.month, 1, 12)
    )


@settings(max_examples=40)
@given(crons, moments)
def test_the_next_and_the_last_minute_of_a_cron_expression(text: str, at: datetime) -> None:
    assert cron_fault(text) == ""
    cron = Cron.parse(text)
    later, earlier = cron.after(at), cron.before(at)
    assert is_on(text, later)
    assert is_on(text, earlier)
    for n in range(1, 400):  # nothing in between that was passed over
        if at + n * MINUTE < later:
            assert not is_on(text, at + n * MINUTE)
        if at - n * MINUTE > earlier:
            assert not is_on(text, at - n * MINUTE)
    assert cron.before(later + MINUTE) == later
    assert cron.after(earlier - MINUTE) == earlier


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("0 1 * * 0", "2026-03-08T01:00"),
        ("0 1 * * 7", "2026-03-08T01:00"),
        ("0 1 * * 1-6", "2026-03-03T01:00"),
        ("30 */6 * * *", "2026-03-02T12:30"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 12 13 * 5", "2026-03-06T12:00"),
        ("5/20 * * * *", "2026-03-02T12:05"),
    ],
)
def test_known_expressions(text: str, after: str) -> None:
    monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert Cron.parse(text).after(monday).isoformat()[:16] == after


def test_an_expression_that_never_comes_is_said_to() -> None:
    with pytest.raises(ValueError, match="never comes"):
        Cron.parse("0 0 31 2 *").after(datetime(2026, 1, 1, tzinfo=UTC))


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), moments)
def test_an_interval_comes_at_its_own_phase(seconds: int, share: float, at: datetime) -> None:
    every = timedelta(seconds=seconds)
    interval = Interval(every, every * share)
    later, earlier = interval.after(at), interval.before(at)
    assert earlier < at < later
    assert later - earlier in (every, 2 * every)
    assert interval.after(later) - later == every


@given(
    st.sampled_from(["daily", "sun", "wed"]), st.integers(0, 1439), st.integers(1, 1440), moments
)
def test_a_window_is_the_one_we_are_in_or_the_next(
    day: str, begin: int, end: int, at: datetime
) -> None:
    window = Window(day, begin, end)
    found = stretch(window, at)
    assert at < found.end
    assert timedelta() < found.end - found.begin <= timedelta(days=1)
    assert found.begin - at <= timedelta(days=1 if day == "daily" else 7)
    assert (found.begin.hour * 60 + found.begin.minute) == begin
    assert day == "daily" or f"{found.begin:%a}".lower() == day


def test_a_window_over_midnight_is_open_after_it() -> None:
    window = Window.parse("sun 23:00-02:00")
    monday = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    assert stretch(window, monday).begin == datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert stretch(window, monday + timedelta(hours=1)).begin.day == 8
