from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery import wal
from holdfast.recovery.archive_health import (
    FAILING,
    GAP,
    LATE,
    OLD_GAP,
    UNREADABLE,
    Seen,
    findings,
    gaps_of,
    out_of_sight,
    wants_backup,
)
from holdfast.recovery.target import Candidate
from holdfast.recovery.wal import SEGMENT_BYTES, Archive, Segment

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def seen(**more: object) -> Seen:
    fields = {"leader": "shop-1", "last_archived": "0" * 24, "last_archived_at": ago(10), **more}
    return Seen(NOW.isoformat(), **fields)  # type: ignore[arg-type]


def ids(found: Seen) -> list[str]:
    return [each.id for each in findings("shop", found, archive_timeout_s=60)]


def test_a_healthy_archive_has_no_finding():
    assert ids(seen()) == []
    assert ids(seen(last_failed="0" * 24, last_failed_at=ago(60))) == []


def test_a_failing_archiver_is_found_also_before_its_first_success():
    assert ids(seen(last_failed="X", last_failed_at=ago(5), queue=3)) == [FAILING]
    assert ids(seen(last_archived_at=None, last_failed="X", last_failed_at=ago(5))) == [FAILING]


def test_an_archiver_that_hangs_is_found_by_its_queue():
    assert ids(seen(queue=1, oldest_s=30.0)) == []
    assert ids(seen(queue=1, oldest_s=90.0)) == [LATE]
    assert ids(seen(last_archived_at=ago(300), unarchived_bytes=3 * SEGMENT_BYTES)) == [LATE]
    # An idle database writes nothing, and archives nothing.
    assert ids(seen(last_archived_at=ago(3000), unarchived_bytes=100)) == []


def test_gaps_and_an_unreadable_repository_are_found():
    assert ids(seen(open_gaps=("segment x is missing",))) == [GAP]
    assert ids(seen(old_gaps=("segment x is missing",))) == [OLD_GAP]
    assert ids(seen(problem="it is gone")) == [UNREADABLE]


def test_a_look_survives_its_json():
    found = seen(open_gaps=("a",), old_gaps=("b",), queue=4, oldest_s=1.5)
    assert Seen.from_json(found.to_json()) == found
    assert Seen.from_json({**found.to_json(), "of_another_release": 1}) == found


def test_a_backup_is_due_once_what_was_wrong_is_mended():
    before, after = NOW - timedelta(hours=1), NOW - timedelta(seconds=30)
    with_backup = seen(newest_backup_at=(NOW - timedelta(minutes=5)).isoformat())
    assert wants_backup(with_backup, None) is None
    assert wants_backup(with_backup, before) is None
    assert wants_backup(with_backup, after) == "incr"
    assert wants_backup(seen(), after) == "incr"
    gap = seen(open_gaps=("segment x is missing",))
    assert wants_backup(gap, None) == "full"
    failing = seen(open_gaps=("x",), last_failed="X", last_failed_at=ago(1))
    assert wants_backup(failing, after) is None
    assert wants_backup(seen(leader=None), after) is None


def test_what_was_not_looked_at_is_not_over():
    assert out_of_sight(seen()) == frozenset()
    assert out_of_sight(seen(leader=None)) == {FAILING, LATE}
    assert out_of_sight(seen(problem="gone")) == {GAP, OLD_GAP}


def backup(number: int, *, damaged: bool = False) -> Candidate:
    begin = number * SEGMENT_BYTES
    return Candidate(f"b{number}", "full", NOW, 1, begin + 40, begin + 300, damaged=damaged)


def archive(*numbers: int) -> Archive:
    return Archive(tuple(Segment(1, number) for number in numbers))


def test_a_gap_is_open_until_a_sound_backup_stands_behind_it():
    path = wal.path(1, "")
    holes = archive(2, 3, 5, 6, 7)
    assert [len(each) for each in gaps_of(path, holes, [backup(2)])] == [1, 0]
    assert [len(each) for each in gaps_of(path, holes, [backup(2), backup(6)])] == [0, 1]
    assert [len(each) for each in gaps_of(path, holes, [backup(2), backup(6, damaged=True)])] == [
        1,
        0,
    ]
    assert gaps_of(path, holes, []) == ([], [])
    # What lies before the oldest backup is needed by nobody.
    assert gaps_of(path, holes, [backup(6)]) == ([], [])


@given(st.sets(st.integers(2, 30)), st.integers(2, 30))
def test_an_archive_without_a_hole_has_no_gap(numbers: set[int], first: int):
    whole = range(min(numbers, default=2), max(numbers, default=2) + 1)
    backups = [backup(first)] if first in whole else []
    assert gaps_of(wal.path(1, ""), archive(*whole), backups) == ([], [])
