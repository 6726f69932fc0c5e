"""When something recurs, and when it may: cron expressions, intervals and windows, in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

DAY = timedelta(days=1)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST = 8 * 366
"""Days after which every cron expression that means anything has come: a 29 February."""


class Window(Protocol):
    """A daily or weekly stretch of time; it ends on the next day where the end is not later."""

    @property
    def day(self) -> str:
        """`daily` or `mon` to `sun`."""
        ...

    @property
    def start_minute(self) -> int:
        """From midnight."""
        ...

    @property
    def end_minute(self) -> int:
        """From midnight."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begin` up to `end`."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so often, counted from a moment that all runs share, shifted by a phase."""

    every: timedelta
    phase: timedelta = timedelta()

    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than the moment."""
        begin = _EPOCH + self.phase
        return begin + ((moment - begin) // self.every + 1) * self.every

    def before(self, moment: datetime) -> datetime:
        """The last occurrence earlier than the moment."""
        return self.after(moment - self.every - _INSTANT)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five cron fields, as sets of numbers; Sunday is 0.

    Where both days are given, either of them will do, as in cron itself.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read an expression that `spec` has found to be one."""
        fields = text.split()
        ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
        minutes, hours, days, months, weekdays = (
            frozenset(_numbers(field, low, high))
            for field, (low, high) in zip(fields, ranges, strict=True)
        )
        return cls(
            minutes,
            hours,
            days,
            months,
            frozenset(day % 7 for day in weekdays),
            any_day=fields[2].startswith("*"),
            any_weekday=fields[4].startswith("*"),
        )

    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than the moment. Raises ValueError when there is none."""
        found = (
            at
            for days in range(_LONGEST)
            for at in self._of(moment.astimezone(UTC).date() + days * DAY)
            if at > moment
        )
        return self._some(found)

    def before(self, moment: datetime) -> datetime:
        """The last occurrence earlier than the moment. Raises ValueError when there is none."""
        found = (
            at
            for days in range(_LONGEST)
            for at in reversed(self._of(moment.astimezone(UTC).date() - days * DAY))
            if at < moment
        )
        return self._some(found)

    def _some(self, found: Iterator[datetime]) -> datetime:
        first = next(found, None)
        if first is None:
            raise ValueError("the cron expression never comes")
        return first

    def _of(self, day: date) -> list[datetime]:
        if day.month not in self.months or not self._is_on(day):
            return []
        return [
            datetime.combine(day, time(hour, minute), UTC)
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
        ]

    def _is_on(self, day: date) -> bool:
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday


def _numbers(field: str, low: int, high: int) -> Iterator[int]:
    for part in field.split(","):
        which, _, step = part.partition("/")
        first, _, last = which.partition("-")
        if which == "*":
            begin, end = low, high
        else:
            begin = int(first)
            # `5/15` counts on to the end, as cron does.
            end = int(last) if last else high if step else begin
        yield from range(begin, end + 1, int(step or 1))


def stretch(window: Window, moment: datetime) -> Stretch:
    """The stretch of a window that the moment is in, or else the next one."""
    today = moment.astimezone(UTC).date()
    # One that began yesterday may not be over yet.
    for days in range(-1, 9):
        day = today + days * DAY
        if window.day not in ("daily", _DAYS[day.weekday()]):
            continue
        midnight = datetime.combine(day, time(), UTC)
        begin = midnight + timedelta(minutes=window.start_minute)
        end = midnight + timedelta(minutes=window.end_minute)
        if end <= begin:
            end += DAY
        if end > moment:
            return Stretch(begin, end)
    raise ValueError(f"a window without a day: {window.day!r}")


_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
