"""What is to be started now, so that every promise of a tier stays fresh. Pure.

A *backup* follows its schedule: the occurrences of a cron expression or of an interval. Only the
latest occurrence counts, so that a night in which the platform was down is made up for once and
not five times, and none counts that comes too soon after the last backup. A *proof* follows its own
age: it is made again before it is too old to be shown as proven.

Work is spread by a number that follows from the names alone: a database has its own minute, and
always the same one. A run of the future, which only a clock that was set back can have left, does
not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from holdfast.core.change import Json
from holdfast.recovery.calendar import Cron, Interval, Window, stretch

FULL, DIFFERENTIAL, INCREMENTAL = "full backup", "differential backup", "incremental backup"
RESTORE_TEST, POINT_IN_TIME = "restore test", "restore to a marker"
FAILOVER_DRILL = "failover drill"
RANK = (FULL, DIFFERENTIAL, INCREMENTAL, FAILOVER_DRILL, RESTORE_TEST, POINT_IN_TIME)
"""Who goes first on one database."""
AT_ONCE = {"drill": 1, "verify": 1, "backup": 2}
"""How many operations of a kind the scheduler lets run on a site at a time."""

_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
_FIRST_WITHIN = timedelta(days=1)
_TRY_AGAIN = timedelta(minutes=15)
_AHEAD = timedelta(minutes=1)
_CRON_SPREAD = timedelta(minutes=30)
_ROOM = timedelta(minutes=10)
"""What has to be left of a window for something to be started in it."""


class Schedule(Protocol):
    """An interval in seconds or a cron expression; the other one is None."""

    @property
    def every_s(self) -> float | None:
        """The interval."""
        ...

    @property
    def cron(self) -> str | None:
        """The expression."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """One line of a tier for one database: `kind` and `request` are the operation that does it.

    Either `schedule` says when, or `every` how old its proof may become. `window` is when it may
    be started; with `in_window` it never is without one. `off` says why it is not started at all.
    """

    database: str
    name: str
    kind: str
    request: Mapping[str, Json]
    since: datetime
    schedule: Schedule | None = None
    every: timedelta | None = None
    in_window: bool = False
    window: Window | None = None
    off: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that was started. `good` is whether it did what it was for."""

    at: datetime
    good: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A task as it stands. `due_at` is None where it is never started.

    `start_at` is when it will be started: not before its window. `last_at` is the last good run.
    """

    task: Task
    last_at: datetime | None
    due_at: datetime | None
    start_at: datetime | None
    period: timedelta
    reason: str = ""

    @property
    def slot(self) -> str:
        """One name for one due moment, whoever computes it."""
        assert self.due_at is not None
        return f"{self.task.database}/{self.task.name}/{self.due_at:%Y%m%dT%H%M%S}"

    def late(self, now: datetime) -> timedelta:
        """How far behind it is; zero while it is not."""
        return timedelta() if self.due_at is None else max(timedelta(), now - self.due_at)


@dataclass(frozen=True, slots=True)
class Running:
    """What is queued or under way: how many operations of each kind, and on which databases."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    databases: Collection[str] = ()


def agenda(tasks: Iterable[Task], history: Mapping[tuple[str, str], Sequence[Attempt]],
           now: datetime) -> tuple[Entry, ...]:  # fmt: skip
    """Every task with its next moment; `history` is by database and task name."""
    return tuple(entry(task, history.get((task.database, task.name), ()), now) for task in tasks)


def due(entries: Iterable[Entry], running: Running, now: datetime) -> tuple[Entry, ...]:
    """What to start now, the most urgent first.

    One on a database, never a second drill on a site, and of nothing more than `AT_ONCE`.
    """
    ready = [each for each in entries if each.start_at is not None and each.start_at <= now]
    chosen: list[Entry] = []
    busy, count = set(running.databases), dict(running.kinds)
    for each in sorted(ready, key=lambda entry: _urgency(entry, now)):
        kind = each.task.kind
        if each.task.database in busy or count.get(kind, 0) >= AT_ONCE.get(kind, 1):
            continue
        busy.add(each.task.database)
        count[kind] = count.get(kind, 0) + 1
        chosen.append(each)
    return tuple(chosen)


def _urgency(entry: Entry, now: datetime) -> tuple[int, float, float]:
    """A backup before a proof, then what is late by the larger part of its period."""
    is_proof = entry.task.schedule is None
    rank = RANK.index(entry.task.name) if not is_proof else len(RANK)
    return rank, -(entry.late(now) / entry.period), spread(entry.task.database, entry.task.name)


def entry(task: Task, attempts: Sequence[Attempt], now: datetime) -> Entry:
    """When a task is due next, from what was tried before."""
    known = sorted((each for each in attempts if each.at <= now + _AHEAD), key=lambda a: a.at)
    good = [each.at for each in known if each.good]
    last = good[-1] if good else None
    failures = [each.at for each in known if not each.good and (last is None or each.at > last)]
    # A beginning that lies ahead was noted by a clock that was wrong: it holds nothing up.
    since = task.since if task.since <= now + _AHEAD else _LONG_AGO
    period, moment = _moment(task, last, since)
    if failures:
        moment = max(moment, failures[-1] + patience(len(failures), period / 4))
    if task.off:
        return Entry(task, last, None, None, period, task.off)
    if task.in_window and task.window is None:
        return Entry(task, last, None, None, period, "it has no maintenance window to run in")
    start = _opening(task, max(moment, now)) if task.window is not None else moment
    return Entry(task, last, moment, start, period)


def patience(failures: int, most: timedelta) -> timedelta:
    """How long to wait after so many failures in a row: twice as long each time, up to `most`."""
    doubled: timedelta = _TRY_AGAIN * 2 ** min(failures - 1, 16)
    return min(doubled, max(most, _TRY_AGAIN))


def _moment(task: Task, last: datetime | None, since: datetime) -> tuple[timedelta, datetime]:
    """The period, and when the task is due if nothing went wrong."""
    share = spread(task.database, task.name)
    if task.schedule is not None:
        return _occurrence(task, last, since, share)
    assert task.every is not None
    if last is None:
        return task.every, since + min(task.every, _FIRST_WITHIN) * (1 + 0.1 * share)
    # Early enough that a window and a queue do not make it overdue.
    return task.every, last + task.every * (0.7 + 0.15 * share)


def _occurrence(
    task: Task, last: datetime | None, since: datetime, share: float
) -> tuple[timedelta, datetime]:
    """The first occurrence that is not too close to the last run, or to the beginning."""
    assert task.schedule is not None
    if task.schedule.every_s is not None:
        every = timedelta(seconds=task.schedule.every_s)
        times: Interval | Cron = Interval(every, every * share)
        spread_over = timedelta()
    else:
        times, spread_over = Cron.parse(task.schedule.cron or ""), _CRON_SPREAD
    begin, least = (since, 1.0) if last is None else (last, 0.5)
    at = times.after(begin)
    while at - begin < (period := at - times.before(at)) * least:
        at = times.after(at)
    return period, at + min(spread_over, period / 10) * share


def _opening(task: Task, moment: datetime) -> datetime:
    """The first moment from then on that is within the window, at this database's own place."""
    assert task.window is not None
    while True:
        found = stretch(task.window, moment)
        length = found.end - found.begin
        room = min(_ROOM, length / 2)
        begin = found.begin + (length - room) / 2 * spread(task.database, "window")
        if moment <= found.end - room:
            return max(begin, moment)
        moment = found.end


def spread(*names: str) -> float:
    """A number from 0 up to 1 that follows from the names."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def running(kinds: Iterable[tuple[str, str | None]]) -> Running:
    """From the kind and the database of every operation that is queued or under way."""
    count: dict[str, int] = {}
    databases: set[str] = set()
    for kind, database in kinds:
        count[kind] = count.get(kind, 0) + 1
        if database is not None:
            databases.add(database)
    return Running(count, databases)


def covers(done: str, wanted: str) -> bool:
    """Whether a backup of one kind makes one of another unnecessary: a full one makes all."""
    return _STRENGTH.index(done) <= _STRENGTH.index(wanted)


_STRENGTH = ("full", "diff", "incr")
