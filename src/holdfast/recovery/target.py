"""The point that a restore shall reach, and the backup that it starts from. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from holdfast.core.change import Json
from holdfast.core.errors import Invalid, NotFound, Refused
from holdfast.recovery.wal import Record, Stretch, lsn, lsn_text

KINDS = ("latest", "time", "lsn", "name", "xid")


@dataclass(frozen=True, slots=True)
class Target:
    """Where recovery shall end. `value` is a time in ISO 8601, a position, a name or a number.

    `timeline` None is the one that the database is on, or was on last.
    """

    kind: str
    value: str = ""
    timeline: int | None = None

    @property
    def at(self) -> datetime:
        """The moment of a time target, in UTC."""
        return moment(self.value)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {"kind": self.kind, "value": self.value, "timeline": self.timeline}

    def __str__(self) -> str:
        where = f" on timeline {self.timeline}" if self.timeline else ""
        words = {
            "latest": "the end of the archive",
            "lsn": f"position {self.value}",
            "name": f"restore point {self.value!r}",
            "xid": f"transaction {self.value}",
        }
        return words.get(self.kind, self.value) + where


def target_of(data: Mapping[str, Json]) -> Target:
    """Read a request's target. Raises `Invalid` for one that nobody could reach."""
    kind, value = data.get("kind", "latest"), str(data.get("value") or "")
    timeline = data.get("timeline")
    if kind not in KINDS:
        raise Invalid(f"there is no target {kind!r}", hint=f"choose one of {', '.join(KINDS)}")
    if timeline is not None and (not isinstance(timeline, int) or timeline < 1):
        raise Invalid(f"timeline {timeline!r} is no timeline", hint="give a number from 1 on")
    try:
        return Target(kind, _checked(kind, value), timeline)
    except ValueError as error:
        raise Invalid(str(error), hint=_HINTS[kind]) from None


_HINTS = {
    "latest": "leave the value out",
    "time": "write it as 2026-11-20T10:15:00Z or with another offset",
    "lsn": "write it as PostgreSQL does, such as 0/3000028",
    "name": "give the name that pg_create_restore_point was called with",
    "xid": "give the number of a transaction, such as 12345",
}


def _checked(kind: str, value: str) -> str:
    if kind == "latest":
        if value:
            raise ValueError(f"the target latest takes no value, and got {value!r}")
        return ""
    if kind == "time":
        return moment(value).isoformat()
    if kind == "lsn":
        return lsn_text(lsn(value))
    if kind == "xid":
        if not re.fullmatch(r"\d{1,10}", value) or int(value) < 3:
            raise ValueError(f"{value!r} is no transaction of an application")
        return str(int(value))
    # PostgreSQL keeps 63 bytes; control characters would end up in a file that it reads.
    if not value or len(value.encode()) > 63 or not value.isprintable():
        raise ValueError(f"{value!r} cannot be the name of a restore point")
    return value


def moment(text: str) -> datetime:
    """A time with its offset, in UTC. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time") from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} says no time zone")
    return found.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backup that a restore may start from; recovery reaches nothing before `stop`."""

    label: str
    kind: str
    stopped_at: datetime
    timeline: int
    start: int
    stop: int
    size_bytes: int = 0
    damaged: bool = False
    repository: int = 1


def candidate(facts: Mapping[str, Json]) -> Candidate:
    """From what `pgbackrest info` tells of one backup."""
    positions = facts.get("lsn") or {}
    first = facts["archive"]["start"]
    return Candidate(
        label=facts["label"],
        kind=facts["type"],
        stopped_at=datetime.fromtimestamp(facts["timestamp"]["stop"], UTC),
        timeline=int(first[:8], 16),
        start=lsn(positions["start"]),
        stop=lsn(positions["stop"]),
        size_bytes=facts["info"].get("size", 0),
        damaged=bool(facts.get("error")),
        repository=(facts.get("database") or {}).get("repo-key", 1),
    )


def choose(
    target: Target,
    path: Sequence[Stretch],
    backups: Sequence[Candidate],
    *,
    wanted: str | None = None,
    hit: int | None = None,
) -> Candidate:
    """The newest sound backup from which the target can be reached, or the one that is `wanted`.

    `hit` is where a restore point or a transaction was found in the WAL. Raises `NotFound` and
    `Refused`, each with what there is instead.
    """
    if not backups:
        raise NotFound("there is no complete backup", hint="take one with holdfast backup")
    if wanted is not None:
        return _wanted(target, path, backups, wanted, hit)
    sound = [each for each in backups if not each.damaged]
    if not sound:
        raise Refused(
            "every backup holds pages with wrong checksums",
            hint="name one with --backup to restore it all the same",
        )
    reachable = [each for each in sound if _is_on(path, each)]
    if not reachable:
        last = path[-1].timeline
        raise Refused(
            f"no backup lies on the way to timeline {last}",
            hint="choose another --timeline, see holdfast get backups",
        )
    fitting = [each for each in reachable if not too_early(target, each, hit)]
    if not fitting:
        raise Refused(
            too_early(target, reachable[0], hit),
            hint="choose a later target; nothing from before the first backup is kept",
        )
    return max(fitting, key=lambda each: (each.stop, each.stopped_at))


def _wanted(
    target: Target,
    path: Sequence[Stretch],
    backups: Sequence[Candidate],
    wanted: str,
    hit: int | None,
) -> Candidate:
    found = next((each for each in backups if each.label == wanted), None)
    if found is None:
        known = ", ".join(each.label for each in backups[-5:])
        raise NotFound(f"there is no complete backup {wanted}", hint=f"choose one of {known}")
    if not _is_on(path, found):
        raise Refused(
            f"backup {wanted} of timeline {found.timeline} is not on the way to timeline "
            f"{path[-1].timeline}",
            hint="choose an older backup, or another --timeline",
        )
    if problem := too_early(target, found, hit):
        raise Refused(problem, hint="choose an older backup, or a later target")
    return found


def _is_on(path: Sequence[Stretch], backup: Candidate) -> bool:
    return any(
        stretch.timeline == backup.timeline and stretch.holds(backup.stop) for stretch in path
    )


def too_early(target: Target, backup: Candidate, hit: int | None) -> str:
    """Why the backup cannot be used for the target, in a sentence; empty when it can."""
    ended = f"backup {backup.label} ended at {backup.stopped_at.isoformat()}"
    if target.kind == "time" and target.at < backup.stopped_at:
        return f"{target} lies before the first point that can be restored: {ended}"
    position = lsn(target.value) if target.kind == "lsn" else hit
    if position is not None and position < backup.stop:
        return (
            f"{target} lies before the first point that can be restored: {ended} "
            f"at position {lsn_text(backup.stop)}"
        )
    return ""


def is_hit(target: Target, record: Record) -> bool:
    """Whether this record is the restore point or the transaction that the target names."""
    if target.kind == "name":
        return record.kind == "point" and record.name == target.value
    if target.kind == "xid":
        return record.kind == "commit" and record.xid == int(target.value)
    return False
