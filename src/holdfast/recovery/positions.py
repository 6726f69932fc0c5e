"""Positions in the WAL (`0/3000028`) and the names of its segments, as arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Sequence

SEGMENT_BYTES = 2**24
"""PostgreSQL's default, which the platform leaves alone."""


def bytes_of(position: str) -> int:
    """The position as a number of bytes."""
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def distance_bytes(start: str, end: str) -> int | None:
    """Bytes of WAL between two positions; None when one of them is not known."""
    if not start or not end:
        return None
    return max(0, bytes_of(end) - bytes_of(start))


def number_of(segment: str, segment_bytes: int = SEGMENT_BYTES) -> int:
    """The place of a segment (`000000010000000000000003`) in the WAL, from 0."""
    return int(segment[8:16], 16) * (2**32 // segment_bytes) + int(segment[16:24], 16)


def segment(timeline: int, number: int, segment_bytes: int = SEGMENT_BYTES) -> str:
    """The name of the segment at that place."""
    high, low = divmod(number, 2**32 // segment_bytes)
    return f"{timeline:08X}{high:08X}{low:08X}"


def gaps(
    present: Collection[str],
    start: str,
    history: Sequence[tuple[int, str]],
    segment_bytes: int = SEGMENT_BYTES,
) -> tuple[tuple[str, ...], str, int]:
    """What is missing between `start` and the end: sentences, the last segment, how many there are.

    `history` has, oldest first, each timeline and the position where its successor branched off;
    empty for the newest one. A segment in which a timeline ended is looked for on its successor,
    which holds its beginning too.
    """
    first = number_of(start, segment_bytes)
    # Segments beside the line of descent say nothing of where it ends.
    places = [(int(name[:8], 16), number_of(name, segment_bytes)) for name in present]
    last = max(
        [first, *(n for line, n in places if line == _timeline_at(n, history, segment_bytes))]
    )
    have, missing, found = set(present), [], 0
    for number in range(first, last + 1):
        name = segment(_timeline_at(number, history, segment_bytes), number, segment_bytes)
        if name in have or (number == first and start in have):
            found += 1
        else:
            missing.append(name)
    end = segment(_timeline_at(last, history, segment_bytes), last, segment_bytes)
    return _sentences(missing), end, found


def _timeline_at(number: int, history: Sequence[tuple[int, str]], segment_bytes: int) -> int:
    for timeline, end in history:
        if not end or number < bytes_of(end) // segment_bytes:
            return timeline
    return history[-1][0]


def _sentences(missing: Sequence[str]) -> tuple[str, ...]:
    """One for each run of neighbours."""
    runs: list[list[str]] = []
    for name in missing:
        if runs and number_of(name) == number_of(runs[-1][-1]) + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    return tuple(
        f"WAL segment {run[0]} is missing"
        if len(run) == 1
        else f"{len(run)} WAL segments from {run[0]} to {run[-1]} are missing"
        for run in runs
    )


def history_of(text: str) -> list[tuple[int, str]]:
    """The parents that a timeline's history file names, oldest first, with their ends."""
    found = []
    for line in text.splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[0].isdigit():
            found.append((int(parts[0]), parts[1]))
    return found
