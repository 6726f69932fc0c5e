"""Positions in the WAL, names of its segments, timelines, and what `pg_waldump` tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

SEGMENT_BYTES = 16 * 1024 * 1024
"""PostgreSQL's default; every cluster of the platform is made with it."""

_PER_LOG = 0x1_0000_0000 // SEGMENT_BYTES
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_SEGMENT = re.compile(r"(?:^|/)([0-9A-F]{24})(?=-[0-9a-f]{40}|$)")
_HISTORY_FILE = re.compile(r"(?:^|/)([0-9A-F]{8})\.history$")
_HISTORY_LINE = re.compile(r"^\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)\s", re.MULTILINE)
_RECORD = re.compile(
    r"rmgr: (?P<rmgr>\w+) +len.*?, tx: +(?P<xid>\d+), lsn: (?P<lsn>[0-9A-F]+/[0-9A-F]+), "
    r"prev \S+, desc: (?P<what>\w+) ?(?P<rest>.*)"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_OWN = re.compile(r'transactional, prefix "holdfast"')
_OF_PREPARED = re.compile(r"^(\d+): ")


def lsn(text: str) -> int:
    """A position from its text, such as `0/3000028`. Raises ValueError."""
    match = _LSN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no position in the WAL")
    return (int(match[1], 16) << 32) | int(match[2], 16)


def lsn_text(position: int) -> str:
    """The text of a position."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One segment of the WAL; `number` counts from the beginning of all positions."""

    timeline: int
    number: int

    @property
    def name(self) -> str:
        """How PostgreSQL calls its file."""
        return f"{self.timeline:08X}{self.number // _PER_LOG:08X}{self.number % _PER_LOG:08X}"

    @property
    def begin(self) -> int:
        """Its first position."""
        return self.number * SEGMENT_BYTES

    @classmethod
    def of(cls, name: str) -> Segment:
        """From the first 24 digits of a file's name."""
        log, rest = int(name[8:16], 16), int(name[16:24], 16)
        return cls(int(name[:8], 16), log * _PER_LOG + rest)

    @classmethod
    def at(cls, timeline: int, position: int) -> Segment:
        """The segment that holds a position."""
        return cls(timeline, position // SEGMENT_BYTES)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a history: one timeline from `begin` to `end`; None is open."""

    timeline: int
    begin: int
    end: int | None

    def holds(self, position: int) -> bool:
        """Whether the position lies on this timeline's part."""
        return self.begin <= position and (self.end is None or position <= self.end)


@dataclass(frozen=True, slots=True)
class Archive:
    """What is in the archive: segments in order, and timelines that have a history file."""

    segments: tuple[Segment, ...] = ()
    histories: tuple[int, ...] = ()

    @property
    def timelines(self) -> tuple[int, ...]:
        """Every timeline of which there is anything, in order."""
        return tuple(sorted({each.timeline for each in self.segments} | set(self.histories)))


def archive(names: Iterable[str]) -> Archive:
    """From the paths of files in the repository. Partial segments do not count."""
    segments: set[Segment] = set()
    histories: set[int] = set()
    for name in names:
        if match := _HISTORY_FILE.search(name):
            histories.add(int(match[1], 16))
        elif ".partial" not in name and (match := _SEGMENT.search(_without_suffix(name))):
            segments.add(Segment.of(match[1]))
    return Archive(tuple(sorted(segments)), tuple(sorted(histories)))


def _without_suffix(name: str) -> str:
    for suffix in (".lz4", ".gz", ".zst", ".bz2"):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def path(timeline: int, history: str) -> tuple[Stretch, ...]:
    """How one comes to a timeline, from the text of its history file (empty for the first)."""
    stretches: list[Stretch] = []
    begin = 0
    for parent, switch in _HISTORY_LINE.findall(history):
        end = lsn(switch)
        stretches.append(Stretch(int(parent), begin, end))
        begin = end
    return (*stretches, Stretch(timeline, begin, None))


def on_path(path: Sequence[Stretch], archive: Archive, *, begin: int = 0) -> list[Segment]:
    """The archived segments on the way to a timeline, from a position on, in order.

    The segment in which a timeline ends is taken from its successor: it begins with the same
    bytes, and the old one may never have been archived whole.
    """
    found = []
    for segment in archive.segments:
        for stretch in path:
            if segment.timeline != stretch.timeline:
                continue
            first = stretch.begin // SEGMENT_BYTES
            last = None if stretch.end is None else stretch.end // SEGMENT_BYTES
            if segment.number >= max(first, begin // SEGMENT_BYTES) and (
                last is None or segment.number < last
            ):
                found.append(segment)
    return sorted(found, key=lambda each: (each.number, each.timeline))


@dataclass(frozen=True, slots=True)
class Gap:
    """Segments that are missing between two that are there: both ends belong to the gap."""

    first: Segment
    last: Segment

    @property
    def count(self) -> int:
        """How many are missing."""
        return self.last.number - self.first.number + 1

    def __str__(self) -> str:
        if self.count == 1:
            return f"segment {self.first.name} is missing"
        return f"{self.count} segments from {self.first.name} to {self.last.name} are missing"


def gaps(
    path: Sequence[Stretch], archive: Archive, *, begin: int, end: int | None = None
) -> list[Gap]:
    """What a recovery from `begin` along the path would miss.

    Up to the newest segment that is there, or to that of `end`, which has to be there, too.
    """
    present = on_path(path, archive, begin=begin)
    numbers = {each.number for each in present}
    first = begin // SEGMENT_BYTES
    last = max(numbers, default=first - 1)
    if end is not None:
        last = max(last, end // SEGMENT_BYTES)
    missing = [number for number in range(first, last + 1) if number not in numbers]
    found: list[Gap] = []
    for number in missing:
        here = Segment(_timeline_at(path, number), number)
        if found and found[-1].last.number == number - 1:
            found[-1] = Gap(found[-1].first, here)
        else:
            found.append(Gap(here, here))
    return found


def _timeline_at(path: Sequence[Stretch], number: int) -> int:
    for stretch in path:
        if stretch.end is None or number < stretch.end // SEGMENT_BYTES:
            return stretch.timeline
    return path[-1].timeline


@dataclass(frozen=True, slots=True)
class Record:
    """A commit (`kind` is `commit`, `at` its time) or a restore point (`kind` is `point`).

    `own` marks a transaction of the platform, which writes nothing but a message into the WAL.
    """

    kind: str
    position: int
    xid: int = 0
    at: datetime | None = None
    name: str = ""


def records(dump: str) -> Iterator[Record]:
    """Commits of transactions that wrote something, and restore points, from a dump made in UTC."""
    for line in dump.splitlines():
        match = _RECORD.match(line)
        if match is None:
            continue
        position = lsn(match["lsn"])
        if match["rmgr"] == "XLOG" and match["what"] == "RESTORE_POINT":
            yield Record("point", position, name=match["rest"].strip())
        elif match["rmgr"] == "LogicalMessage" and _OWN.search(match["rest"]):
            yield Record("own", position, int(match["xid"]))
        elif match["what"] in ("COMMIT", "COMMIT_PREPARED"):
            prepared = _OF_PREPARED.match(match["rest"])
            xid = int(prepared[1]) if prepared else int(match["xid"])
            if xid:
                yield Record("commit", position, xid, _time(match["rest"]))


def _time(text: str) -> datetime | None:
    match = _TIME.search(text)
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
