"""Keeping every promise fresh: what the tier's cadence asks for is started as a person would.

`recovery.schedule` decides; here is the loop around it. It runs in the one process that runs the
operations of a control database, and a slot has one operation whoever starts it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.app import operations
from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error
from holdfast.core.promise import Verdict
from holdfast.recovery import layers
from holdfast.recovery.drills.kill_primary import ID as KILL_PRIMARY
from holdfast.recovery.schedule import (
    DIFFERENTIAL,
    FAILOVER_DRILL,
    FULL,
    INCREMENTAL,
    POINT_IN_TIME,
    RESTORE_TEST,
    Attempt,
    Entry,
    Running,
    Task,
    agenda,
    covers,
    due,
    running,
)
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import attempts, databases
from holdfast.store.attempts import Tried
from holdfast.store.databases import Database
from holdfast.store.facts import SCHEDULER
from holdfast.store.operations import Operation
from holdfast.workflows.planning import FAILED

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 30.0
_KINDS = ("backup", "verify", "drill")
_PHASES = ("ready", FAILED)
"""Databases that work is scheduled for. One whose last apply failed has data to lose as well."""
_AHEAD = timedelta(minutes=1)
_SITE_OFF = "the site was started with HOLDFAST_SCHEDULE=off"
_DOCUMENT_OFF = "the document turns it off"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What runs next, as of `now`."""

    now: datetime
    entries: tuple[Entry, ...]
    busy: Running

    def to_json(self) -> list[dict[str, Json]]:
        """The stable form of `get schedule`, the next one first."""
        told = [self._entry(each) for each in self.entries]
        return sorted(told, key=lambda one: (one["starts_at"] is None, one["starts_at"] or ""))

    def _entry(self, each: Entry) -> dict[str, Json]:
        return {
            "database": each.task.database,
            "task": each.task.name,
            "kind": each.task.kind,
            "state": self._state(each),
            "last_at": _moment(each.last_at),
            "due_at": _moment(each.due_at),
            "starts_at": _moment(each.start_at),
            "late_s": round(each.late(self.now).total_seconds()),
            "reason": each.reason,
        }

    def _state(self, each: Entry) -> str:
        if each.start_at is None or each.due_at is None:
            return "off"
        if each.due_at > self.now:
            return "scheduled"
        return "due" if each.start_at <= self.now else "waits for its window"


async def run(control: Control) -> None:
    """Start what is due, for ever."""
    if not control.settings.schedule:
        _log.info("nothing is started by itself: %s", _SITE_OFF)
        return
    while True:
        try:
            for operation in await tick(control):
                _log.info("started %s of %s: it is due", operation.kind, operation.database)
        except Error as error:
            _log.warning("cannot look at the schedule: %s", error.message)
        except Exception:  # noqa: BLE001 - one bad document must not stop everybody's backups
            _log.exception("cannot look at the schedule")
        await control.platform.clock.sleep(_LOOK_EVERY_S)


async def tick(control: Control) -> list[Operation]:
    """Start what is due now."""
    found = await outlook(control, None)
    started = []
    for entry in due(found.entries, found.busy, found.now):
        try:
            operation = await operations.submit(
                control,
                entry.task.kind,
                entry.task.request,
                database=entry.task.database,
                actor=SCHEDULER,
                refuse_if_busy=True,
                slot=entry.slot,
            )
        except Conflict as error:
            _log.info("%s of %s waits: %s", entry.task.name, entry.task.database, error.message)
            continue
        started.append(operation)
    return started


async def outlook(control: Control, name: str | None) -> Outlook:
    """What runs next of one database, or of all. Raises `NotFound`."""
    now = control.platform.clock.now()
    async with control.platform.store.begin() as connection:
        records = (
            await databases.every(connection)
            if name is None
            else (await databases.get(connection, name),)
        )
        before = now + _AHEAD
        tried = await attempts.ended(connection, _KINDS, before=before, database=name)
        taken = await attempts.backups(connection, before=before)
        busy = running(await attempts.under_way(connection))
    tasks = [
        task
        for record in records
        if record.phase in _PHASES
        for task in _readable(record, "" if control.settings.schedule else _SITE_OFF)
    ]
    return Outlook(now, agenda(tasks, history(tasks, [*tried, *taken]), now), busy)


def _readable(record: Database, site_off: str) -> list[Task]:
    """The tasks of a database; none where another release wrote what we cannot read."""
    try:
        return list(tasks_of(record, site_off=site_off))
    except (KeyError, TypeError, ValueError):
        _log.exception("nothing of %s is scheduled: its document cannot be read", record.name)
        return []


def tasks_of(record: Database, *, site_off: str = "") -> Iterator[Task]:
    """What the tier of a database asks for again and again."""
    resolved = ResolvedDatabase.from_json(record.spec)
    tier, wanted = resolved.tier, resolved.spec.scheduled
    off = {
        "backup": site_off or ("" if wanted.backups else _DOCUMENT_OFF),
        "verify": site_off or ("" if wanted.restore_tests else _DOCUMENT_OFF),
        "drill": site_off or ("" if wanted.drills else _DOCUMENT_OFF),
    }
    backup = tier.backup
    for name, kind, schedule in (
        (FULL, "full", backup.full),
        (DIFFERENTIAL, "diff", backup.differential),
        (INCREMENTAL, "incr", backup.incremental),
    ):
        if schedule is not None:
            yield Task(
                record.name,
                name,
                "backup",
                {"kind": kind},
                record.created_at,
                schedule=schedule,
                off=off["backup"],
            )
    proofs = tier.proofs
    for name, every_s, chosen in (
        (RESTORE_TEST, proofs.restore_test_every_s, proofs.layers),
        (POINT_IN_TIME, proofs.point_in_time_every_s, str(layers.POINT_IN_TIME)),
    ):
        if every_s is not None:
            yield Task(
                record.name,
                name,
                "verify",
                {"layers": chosen},
                record.created_at,
                every=timedelta(seconds=every_s),
                off=off["verify"],
            )
    if proofs.failover_drill_every_s is not None:
        yield Task(
            record.name,
            FAILOVER_DRILL,
            "drill",
            {"drill": KILL_PRIMARY},
            record.created_at,
            every=timedelta(seconds=proofs.failover_drill_every_s),
            in_window=True,
            window=resolved.maintenance_window,
            off=off["drill"],
        )


def history(
    tasks: Sequence[Task], tried: Sequence[Tried]
) -> Mapping[tuple[str, str], Sequence[Attempt]]:
    """What counts as an attempt at each task."""
    by_database: dict[str, list[Tried]] = {}
    for each in tried:
        by_database.setdefault(each.database, []).append(each)
    return {
        (task.database, task.name): [
            Attempt(each.at, good)
            for each in by_database.get(task.database, ())
            if (good := _counts(task, each)) is not None
        ]
        for task in tasks
    }


def _counts(task: Task, tried: Tried) -> bool | None:
    """Whether it did what the task is for; None where it has nothing to do with it."""
    if tried.kind != task.kind:
        return None
    if task.kind == "backup":
        kind, wanted = tried.request.get("kind", "incr"), task.request["kind"]
        good = tried.state == "succeeded"
        # A weaker backup is no substitute, and a stronger one that failed says nothing of this.
        return good if kind == wanted else True if good and covers(kind, wanted) else None
    if task.kind == "verify" and not _is_whole(task, tried):
        return None
    if task.request.get("drill") != tried.request.get("drill"):
        return None
    return tried.state == "succeeded" and tried.verdict == str(Verdict.PROVEN)


def _is_whole(task: Task, tried: Tried) -> bool:
    """Whether a verification had the layers that the task is for, of the newest backup."""
    if tried.request.get("backup"):
        return False
    told = tried.request.get("layers")
    if not told:  # those of the tier
        return task.name == RESTORE_TEST
    return {*layers.chosen(task.request["layers"])} <= {*layers.chosen(str(told))}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
