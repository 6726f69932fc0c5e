"""Small values that several kinds of document share: schedules, windows, durations as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdfast.core.units import duration_s

DURATION_PATTERN = r"^(0|([0-9]{1,9}(ms|s|m|h|d|w))+)$"
SIZE_PATTERN = r"^[0-9]{1,15}(B|kB|KiB|MiB|GiB|TiB)?$"
WINDOW_PATTERN = (
    r"^(daily|mon|tue|wed|thu|fri|sat|sun) [0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"
)

_DURATION_UNITS_MS = (
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
)
_SIZE_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_CRON_RANGES = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
_CRON_PART = re.compile(r"(\*|\d{1,2}(?:-\d{1,2})?)(?:/(\d{1,2}))?", re.ASCII)


def duration_text(seconds: float) -> str:
    """The inverse of `duration_s`, exact to the millisecond: `1h30m`, `25s`, `0`."""
    rest = round(seconds * 1000)
    parts = []
    for unit, size_ms in _DURATION_UNITS_MS:
        count, rest = divmod(rest, size_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


def size_text(count: int) -> str:
    """The inverse of `size_bytes`, in the largest unit that divides it: `512MiB`."""
    for unit, size in _SIZE_UNITS:
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}B"


def cron_fault(text: str) -> str:
    """Why a text is no five-field cron expression; empty when it is one."""
    fields = text.split()
    if len(fields) != 5:
        return f"a cron expression has 5 fields, this one has {len(fields)}"
    for value, (name, low, high) in zip(fields, _CRON_RANGES, strict=True):
        for part in value.split(","):
            match = _CRON_PART.fullmatch(part)
            if match is None:
                return f"the {name} {part!r} is not a number, a range, a list or *"
            numbers = [] if match[1] == "*" else [int(number) for number in match[1].split("-")]
            if any(not low <= number <= high for number in numbers):
                return f"the {name} {part!r} is not within {low}-{high}"
            if numbers != sorted(numbers) or match[2] == "0" or match[2] == "00":
                return f"the {name} {part!r} selects nothing"
    return ""


def schedule_fault(text: str) -> str:
    """Why a text is neither a duration above zero nor a cron expression; empty when it is one."""
    if re.fullmatch(DURATION_PATTERN, text):
        return "" if duration_s(text) > 0 else "the interval is zero"
    return cron_fault(text)


def window_fault(text: str) -> str:
    """Why a text is no weekly or daily window; empty when it is one."""
    if not re.fullmatch(WINDOW_PATTERN, text):
        return "a window is a day and two times in UTC"
    start, end = text.split()[1].split("-")
    if start >= "24:00" or end > "24:00":
        return "a time of day is within 00:00-24:00"
    return "the window is empty" if start == end else ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something recurs: an interval (`6h`) or a cron expression in UTC (`0 2 * * 0`)."""

    text: str

    @property
    def every_s(self) -> float | None:
        """The interval in seconds; None for a cron expression."""
        return duration_s(self.text) if re.fullmatch(DURATION_PATTERN, self.text) else None

    @property
    def cron(self) -> str | None:
        """The cron expression; None for an interval."""
        return self.text if self.every_s is None else None


@dataclass(frozen=True, slots=True)
class Window:
    """When disruptive work may run, in UTC.

    `day` is `daily` or `mon` to `sun`; minutes count from midnight. `end_minute` may be smaller
    than `start_minute`: the window then ends on the next day.
    """

    day: str
    start_minute: int
    end_minute: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `sun 02:00-04:00`. Raises ValueError."""
        fault = window_fault(text)
        if fault:
            raise ValueError(f"not a window: {text!r}: {fault}")
        day, times = text.split()
        start, end = (int(time[:2]) * 60 + int(time[3:]) for time in times.split("-"))
        return cls(day, start, end)

    def __str__(self) -> str:
        start, end = (
            f"{minute // 60:02d}:{minute % 60:02d}"
            for minute in (self.start_minute, self.end_minute)
        )
        return f"{self.day} {start}-{end}"
