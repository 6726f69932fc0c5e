"""What is started when: nothing at the start, all of it in time, one drill, no storm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.recovery.calendar import stretch
from holdfast.recovery.schedule import (
    AT_ONCE,
    DIFFERENTIAL,
    FAILOVER_DRILL,
    FULL,
    INCREMENTAL,
    RESTORE_TEST,
    Attempt,
    Entry,
    Running,
    Task,
    agenda,
    covers,
    due,
    entry,
    running,
    spread,
)
from holdfast.spec.values import Schedule, Window

BORN = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOW = Window.parse("daily 02:00-05:00")


def tasks(database: str = "orders", **more: Any) -> tuple[Task, ...]:
    """Those of a tier-0 database."""

    def task(name: str, kind: str, **own: Any) -> Task:
        return Task(database, name, kind, {}, BORN, **{**own, **more})

    return (
        task(FULL, "backup", schedule=Schedule("0 1 * * 0")),
        task(DIFFERENTIAL, "backup", schedule=Schedule("0 1 * * 1-6")),
        task(INCREMENTAL, "backup", schedule=Schedule("4h")),
        task(RESTORE_TEST, "verify", every=DAY),
        task(FAILOVER_DRILL, "drill", every=7 * DAY, in_window=True, window=WINDOW),
    )


STRENGTH = {FULL: "full", DIFFERENTIAL: "diff", INCREMENTAL: "incr"}


class Site:
    """A site whose operations take some minutes, run by the clock of the test."""

    def __init__(self, databases: int, step: timedelta = timedelta(minutes=5)) -> None:
        self.tasks = [task for n in range(databases) for task in tasks(f"db{n}")]
        self.history: dict[tuple[str, str], list[Attempt]] = {}
        self.under_way: list[tuple[datetime, Entry]] = []
        self.started: list[tuple[datetime, Entry]] = []
        self.step = step
        self.fails: set[str] = set()

    def run(self, begin: datetime, end: datetime) -> None:
        now = begin
        while now < end:
            self.tick(now)
            now += self.step

    def tick(self, now: datetime) -> None:
        self.under_way = [each for each in self.under_way if each[0] > now]
        busy = running((e.task.kind, e.task.database) for _, e in self.under_way)
        chosen = due(agenda(self.tasks, self.history, now), busy, now)
        for each in chosen:
            self.started.append((now, each))
            self.under_way.append((now + timedelta(minutes=7), each))
            self._remember(now, each)

    def _remember(self, now: datetime, done: Entry) -> None:
        task = done.task
        good = task.name not in self.fails
        for other in self.tasks:
            same = other.database == task.database and other.kind == task.kind
            if same and task.kind == "backup" and good:
                same = covers(STRENGTH[task.name], STRENGTH[other.name])
            elif same:
                same = other.name == task.name
            if same:
                self.history.setdefault((other.database, other.name), []).append(Attempt(now, good))

    def of(self, name: str, database: str = "db0") -> list[datetime]:
        return [at for at, e in self.started if (e.task.name, e.task.database) == (name, database)]


def test_a_fresh_database_is_left_alone_at_first() -> None:
    for hours in range(4):
        found = agenda(tasks(), {}, BORN + hours * HOUR)
        assert due(found, Running(), BORN + hours * HOUR) == ()
    firsts = {each.task.name: each.due_at - BORN for each in agenda(tasks(), {}, BORN)}
    assert firsts[FULL] >= 7 * DAY
    assert firsts[DIFFERENTIAL] >= DAY
    assert firsts[INCREMENTAL] >= 4 * HOUR
    assert firsts[RESTORE_TEST] >= DAY
    assert firsts[FAILOVER_DRILL] >= DAY


def test_three_weeks_of_a_site() -> None:
    site = Site(3, step=timedelta(minutes=10))
    end = BORN + 21 * DAY
    site.run(BORN, end)
    for n in range(3):
        database = f"db{n}"
        fulls = site.of(FULL, database)
        assert [at.isoweekday() for at in fulls] == [7, 7]
        assert all(HOUR <= at - at.replace(hour=0, minute=0) < 2 * HOUR for at in fulls)
        for name, most in ((RESTORE_TEST, DAY), (FAILOVER_DRILL, 7 * DAY)):
            moments = site.of(name, database)
            assert moments[0] - BORN < 2.2 * DAY
            # Never too old to be proven: the next one is there before the last one is overdue.
            gaps = [b - a for a, b in zip(moments, [*moments[1:], end], strict=True)]
            assert max(gaps) < most, (name, gaps)
        backups = sorted(
            at for at, e in site.started
            if e.task.kind == "backup" and e.task.database == database
        )  # fmt: skip
        assert max(b - a for a, b in pairwise(backups)) < 6.3 * HOUR
    drills = [at for at, e in site.started if e.task.kind == "drill"]
    assert len(drills) == len(set(drills))
    assert all(2 <= at.hour < 5 for at in drills)


@settings(max_examples=8)
@given(st.data())
def test_whatever_happens_limits_hold(data: st.DataObject) -> None:
    """Outages, clocks that jump, proofs that fail: never two drills, never outside a window."""
    site = Site(4, step=timedelta(minutes=20))
    now = BORN + data.draw(st.integers(0, 10**5)) * timedelta(minutes=1)
    for _ in range(4):
        site.fails = data.draw(st.sets(st.sampled_from([FULL, RESTORE_TEST, FAILOVER_DRILL])))
        hours = data.draw(st.integers(1, 30))
        for n in range(hours * 3):
            moment = now + n * site.step
            before = len(site.started)
            site.tick(moment)
            fresh = [e for _, e in site.started[before:]]
            under_way = [e for _, e in site.under_way]
            assert sum(e.task.kind == "drill" for e in under_way) <= 1
            assert sum(e.task.kind == "verify" for e in under_way) <= 1
            assert sum(e.task.kind == "backup" for e in under_way) <= 2
            databases = [e.task.database for e in under_way]
            assert len(databases) == len(set(databases))
            for each in fresh:
                if each.task.in_window:
                    found = stretch(WINDOW, moment)
                    assert found.begin <= moment < found.end
        now += hours * HOUR + data.draw(st.integers(-200, 2000)) * HOUR
        site.under_way.clear()


def test_what_was_missed_is_made_up_for_once() -> None:
    site = Site(3)
    site.run(BORN, BORN + 3 * DAY)
    back = BORN + 40 * DAY
    before = len(site.started)
    site.run(back, back + 3 * HOUR)
    fresh = [e for _, e in site.started[before:]]
    backups = [e for e in fresh if e.task.kind == "backup"]
    # One full backup each, which makes up for all others; what follows has its own hour.
    assert [e.task.name for e in backups].count(FULL) == 3
    assert {e.task.name for e in backups} <= {FULL, INCREMENTAL}
    assert len(backups) <= 6
    assert len([e for e in fresh if e.task.kind == "verify"]) == 3


def test_a_clock_that_was_far_ahead_holds_nothing_up() -> None:
    site = Site(1)
    site.run(BORN, BORN + 3 * DAY)
    ahead = BORN + 400 * DAY
    site.run(ahead, ahead + 2 * HOUR)
    site.under_way.clear()
    before = len(site.started)
    site.run(BORN + 3 * DAY, BORN + 5 * DAY)
    names = {e.task.name for _, e in site.started[before:]}
    assert {INCREMENTAL, DIFFERENTIAL, RESTORE_TEST} <= names
    born_ahead = tasks()[3]
    born_ahead = Task("x", RESTORE_TEST, "verify", {}, BORN + 400 * DAY, every=DAY)
    assert entry(born_ahead, (), BORN).late(BORN) > timedelta()


def test_a_clock_that_jumps_a_year_ahead_and_back_starts_no_storm() -> None:
    site = Site(5)
    site.run(BORN, BORN + 3 * DAY)
    for begin in (BORN + 368 * DAY, BORN + 3 * DAY + HOUR):
        site.under_way.clear()
        before = len(site.started)
        site.run(begin, begin + 6 * HOUR)
        fresh = site.started[before:]
        assert fresh
        # What is late is started once, and a few at a time; an incremental one comes every 4 h.
        often = Counter((e.task.database, e.task.name) for _, e in fresh)
        assert max(many for (_, name), many in often.items() if name != INCREMENTAL) == 1
        assert max(often.values()) <= 2
        at_once = Counter((at, e.task.kind) for at, e in fresh)
        assert all(many <= AT_ONCE[kind] for (_, kind), many in at_once.items())
        for at, each in fresh:
            if each.task.kind == "drill":
                found = stretch(WINDOW, at)
                assert found.begin <= at < found.end


def test_what_fails_is_tried_again_less_and_less_often() -> None:
    site = Site(1)
    site.fails = {RESTORE_TEST}
    site.run(BORN, BORN + 4 * DAY)
    tries = site.of(RESTORE_TEST)
    gaps = [round((b - a) / timedelta(minutes=1)) for a, b in pairwise(tries)]
    assert gaps[:4] == sorted(gaps[:4])
    assert gaps[0] >= 15
    assert 300 <= max(gaps) <= 400  # a quarter of its day
    assert len(tries) < 20


def test_late_is_named_and_the_most_urgent_goes_first() -> None:
    now = BORN + 12 * DAY
    found = {each.task.name: each for each in agenda(tasks(), {}, now)}
    assert found[RESTORE_TEST].late(now) > 7 * DAY
    first, *_ = due(found.values(), Running(), now)
    assert first.task.name == FULL
    busy = Running({"backup": 1}, {"orders"})
    assert due(found.values(), busy, now) == ()


def test_a_drill_without_a_window_is_never_started_and_says_why() -> None:
    (*_, drill) = tasks()
    lonely = Task("orders", drill.name, "drill", {}, BORN, every=DAY, in_window=True)
    found = entry(lonely, (), BORN + 90 * DAY)
    assert (found.due_at, found.start_at) == (None, None)
    assert found.reason == "it has no maintenance window to run in"
    off = entry(tasks(off="the document says so")[0], (), BORN + 90 * DAY)
    assert (off.start_at, off.reason) == (None, "the document says so")


@given(st.text(max_size=5), st.text(max_size=5))
def test_the_spread_is_a_share(one: str, other: str) -> None:
    assert 0 <= spread(one, other) < 1
    assert spread(one, other) == spread(one, other)


def test_databases_are_spread_over_their_hours() -> None:
    moments = {entry(tasks(f"db{n}")[2], [Attempt(BORN, True)], BORN).due_at for n in range(50)}
    assert len(moments) == 50
    drills = {entry(tasks(f"db{n}")[4], [Attempt(BORN, True)], BORN).start_at for n in range(50)}
    assert len(drills) == 50


@pytest.mark.parametrize("seconds", [1, 60, 3599])
def test_one_due_moment_has_one_name_however_late_it_is_computed(seconds: int) -> None:
    history: Mapping[Any, Any] = {("orders", RESTORE_TEST): [Attempt(BORN, True)]}
    now = BORN + 2 * DAY
    one, other = (
        agenda(tasks(), history, at)[3].slot for at in (now, now + timedelta(seconds=seconds))
    )
    assert one == other
    assert one.startswith("orders/restore test/")


def test_any_schedule_will_do() -> None:
    plain = SimpleNamespace(every_s=60.0, cron=None)
    task = Task("a", INCREMENTAL, "backup", {}, BORN, schedule=plain)
    assert entry(task, (), BORN).due_at < BORN + timedelta(minutes=3)
