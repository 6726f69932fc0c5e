"""Whether a database's WAL is safe: what was seen of the archiver and of the archive. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from holdfast.core.change import Json
from holdfast.core.finding import Finding, Severity
from holdfast.core.units import show_bytes, show_duration
from holdfast.recovery import wal
from holdfast.recovery.target import Candidate
from holdfast.recovery.wal import Archive, Stretch

FAILING = "archive.failing"
LATE = "archive.late"
GAP = "archive.gap"
OLD_GAP = "archive.old-gap"
UNREADABLE = "archive.unreadable"

QUEUE_AGE_S = 45.0
"""A segment that has been ready for so long was not taken in the ordinary way."""
_GRACE_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. Times are ISO 8601 and UTC; what could not be seen is None.

    `queue` counts segments that are ready and not archived, `oldest_s` is how long the first of
    them has waited. `unarchived_bytes` is what would be lost with every node. `gaps` are sentences;
    an `open` one has no sound backup behind it.
    """

    at: str
    leader: str | None = None
    last_archived: str | None = None
    last_archived_at: str | None = None
    last_failed: str | None = None
    last_failed_at: str | None = None
    queue: int = 0
    oldest_s: float | None = None
    unarchived_bytes: int | None = None
    newest: str | None = None
    oldest_backup: str | None = None
    newest_backup: str | None = None
    newest_backup_at: str | None = None
    open_gaps: tuple[str, ...] = ()
    old_gaps: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        found = asdict(self)
        return {**found, "open_gaps": list(self.open_gaps), "old_gaps": list(self.old_gaps)}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Seen:
        """The inverse of `to_json`; fields of another release are left out."""
        known = {each.name for each in fields(cls)}
        kept = {key: value for key, value in data.items() if key in known}
        return cls(**{
            **kept,
            "open_gaps": tuple(kept.get("open_gaps", ())),
            "old_gaps": tuple(kept.get("old_gaps", ())),
        })  # fmt: skip

    @property
    def is_failing(self) -> bool:
        """Whether the archiver's last try was in vain."""
        if self.last_failed_at is None:
            return False
        return self.last_archived_at is None or self.last_failed_at > self.last_archived_at


def gaps_of(
    path: Sequence[Stretch], archive: Archive, backups: Sequence[Candidate]
) -> tuple[list[str], list[str]]:
    """The gaps of an archive as sentences: open ones, and those that a newer backup has healed.

    What lies before the oldest backup is nobody's loss.
    """
    sound = sorted((each for each in backups if not each.damaged), key=lambda each: each.start)
    if not sound:
        return [], []
    newest = sound[-1]
    found = wal.gaps(path, archive, begin=sound[0].start, end=newest.stop)
    still = [gap for gap in found if gap.last.begin + wal.SEGMENT_BYTES > newest.start]
    return [str(gap) for gap in still], [str(gap) for gap in found if gap not in still]


def findings(database: str, seen: Seen, *, archive_timeout_s: float) -> list[Finding]:
    """What somebody has to look at. That nobody leads is no finding here: it is another's."""
    found = []

    def add(id: str, severity: Severity, message: str, hint: str) -> None:
        subject = f"database {database}"
        found.append(Finding(id, severity, subject, message, hint, evidence=seen.to_json()))

    if seen.problem:
        add(UNREADABLE, Severity.ERROR, f"the repository cannot be read: {seen.problem}",
            "see that the repository is there and can be read")  # fmt: skip
    if seen.is_failing:
        waiting = f", and {seen.queue} wait" if seen.queue else ""
        add(
            FAILING,
            Severity.ERROR,
            f"segment {seen.last_failed} cannot be archived since {seen.last_failed_at}{waiting}",
            "see that the repository can be written and has room; until then WAL is kept",
        )
    elif late := _late(seen, archive_timeout_s):
        add(LATE, Severity.WARNING, late, f"read the logs of {seen.leader}")
    for gap in seen.open_gaps[:1]:
        add(GAP, Severity.ERROR,
            f"the archive has a gap: {gap}; nothing behind it can be restored",
            "a backup is taken as soon as the archiver works; it begins a new range")  # fmt: skip
    for gap in seen.old_gaps[:1]:
        add(OLD_GAP, Severity.NOTICE, f"points in time around a gap cannot be restored: {gap}",
            "nothing has to be done: a newer backup has begun behind it")  # fmt: skip
    return found


def _late(seen: Seen, archive_timeout_s: float) -> str:
    if seen.queue and seen.oldest_s is not None and seen.oldest_s > QUEUE_AGE_S:
        return (
            f"{seen.queue} segments wait for the archiver, the first one for "
            f"{show_duration(seen.oldest_s)}"
        )
    if not seen.unarchived_bytes or seen.last_archived_at is None:
        return ""
    age_s = _age_s(seen.at, seen.last_archived_at)
    if seen.unarchived_bytes > wal.SEGMENT_BYTES and age_s > 2 * archive_timeout_s + _GRACE_S:
        return (
            f"{show_bytes(seen.unarchived_bytes)} of WAL are not archived, and the last segment "
            f"was {show_duration(age_s)} ago"
        )
    return ""


def _age_s(now: str, then: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()


def out_of_sight(seen: Seen) -> frozenset[str]:
    """The findings of which a look says nothing: what was found before stays as it is."""
    archiver = {FAILING, LATE} if seen.leader is None else set()
    return frozenset(archiver | ({GAP, OLD_GAP} if seen.problem else set()))


MENDED = (FAILING, LATE, UNREADABLE)
"""Once one of these has passed, a backup shall begin a range that is whole. A gap passes by one."""


def wants_backup(seen: Seen, mended_at: datetime | None) -> str | None:
    """The type of backup that is due now: after a gap, or when what was wrong has been mended.

    `mended_at` is when the last alarm ended; a backup from before that does not count. None while
    the archiver does not work: that backup would fail, too.
    """
    if seen.problem or seen.is_failing or seen.leader is None:
        return None
    if seen.open_gaps:
        return "full"
    if mended_at is None:
        return None
    newest = seen.newest_backup_at
    return "incr" if newest is None or datetime.fromisoformat(newest) < mended_at else None
