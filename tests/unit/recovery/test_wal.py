from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery import wal
from holdfast.recovery.wal import SEGMENT_BYTES, Archive, Segment, Stretch

POSITIONS = st.integers(0, 2**64 - 1)


@given(POSITIONS)
def test_a_position_survives_its_text(position: int):
    assert wal.lsn(wal.lsn_text(position)) == position


@pytest.mark.parametrize("text", ["", "3", "0/", "x/1", "0/123456789", "1/2/3"])
def test_what_is_no_position_is_refused(text: str):
    with pytest.raises(ValueError, match="no position"):
        wal.lsn(text)


@given(st.integers(1, 2**32 - 1), POSITIONS)
def test_a_segment_survives_its_name(timeline: int, position: int):
    segment = Segment.at(timeline, position)
    assert Segment.of(segment.name) == segment
    assert segment.begin <= position < segment.begin + SEGMENT_BYTES


def test_a_segment_is_called_as_postgresql_calls_it():
    assert Segment.at(3, wal.lsn("1/FE000028")).name == "0000000300000001000000FE"


def test_an_archive_is_read_from_the_repository_s_names():
    found = wal.archive(
        [
            "15-1/0000000100000000/000000010000000000000002-" + "a" * 40 + ".lz4",
            "15-1/0000000100000000/000000010000000000000001-" + "b" * 40 + ".lz4",
            "15-1/0000000100000000/000000010000000000000003.partial-" + "b" * 40 + ".lz4",
            "15-1/0000000100000000/000000010000000000000002.00000028.backup",
            "15-1/00000002.history",
            "archive.info",
        ]
    )
    assert [each.name[-2:] for each in found.segments] == ["01", "02"]
    assert found.histories == (2,)
    assert found.timelines == (1, 2)


HISTORY = "1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tat restore point x\n"


def test_a_path_comes_from_a_history():
    assert wal.path(3, HISTORY) == (
        Stretch(1, 0, 0x3000148),
        Stretch(2, 0x3000148, 0x5000000),
        Stretch(3, 0x5000000, None),
    )
    assert wal.path(1, "") == (Stretch(1, 0, None),)


def archive_of(**numbers: range) -> Archive:
    return Archive(
        tuple(sorted(Segment(int(name[1:]), n) for name, each in numbers.items() for n in each))
    )


def test_the_segment_of_a_switch_comes_from_the_successor():
    found = wal.on_path(wal.path(3, HISTORY), archive_of(t1=range(1, 9), t2=range(3, 6),
                                                         t3=range(5, 7)))  # fmt: skip
    assert [(each.timeline, each.number) for each in found] == [
        (1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6),
    ]  # fmt: skip


@given(st.sets(st.integers(1, 40)), st.integers(1, 40))
def test_gaps_are_exactly_what_is_missing(numbers: set[int], begin: int):
    archive = Archive(tuple(Segment(1, number) for number in sorted(numbers)))
    found = wal.gaps(wal.path(1, ""), archive, begin=begin * SEGMENT_BYTES)
    missing = {n for gap in found for n in range(gap.first.number, gap.last.number + 1)}
    here = {number for number in numbers if number >= begin}
    assert missing == set(range(begin, max(here, default=begin - 1) + 1)) - here
    assert all(a.last.number + 1 < b.first.number for a, b in pairwise(found))


def test_a_missing_end_is_a_gap_where_it_is_demanded():
    archive = archive_of(t1=range(1, 3))
    (gap,) = wal.gaps(wal.path(1, ""), archive, begin=SEGMENT_BYTES, end=5 * SEGMENT_BYTES)
    assert (gap.first.number, gap.last.number, gap.count) == (3, 5, 3)
    assert "3 segments from 000000010000000000000003" in str(gap)


DUMP = """\
rmgr: Transaction len (rec/tot):     34/    34, tx:        741, lsn: 0/0300A0F0, prev 0/0300A0B0, desc: COMMIT 2026-11-20 10:20:58.123456 UTC
rmgr: Transaction len (rec/tot):    130/   130, tx:          0, lsn: 0/0300A200, prev 0/0300A0F0, desc: COMMIT 2026-11-20 10:20:59.000000 UTC; inval msgs: catcache 1
rmgr: Transaction len (rec/tot):     34/    34, tx:        742, lsn: 0/0300A300, prev 0/0300A0F0, desc: ABORT 2026-11-20 10:20:59.000000 UTC
rmgr: Transaction len (rec/tot):     60/    60, tx:          0, lsn: 0/0300A400, prev 0/0300A0F0, desc: COMMIT_PREPARED 743: 2026-11-20 10:21:00.000000 UTC
rmgr: XLOG        len (rec/tot):     98/    98, tx:          0, lsn: 0/0300A500, prev 0/0300A0F0, desc: RESTORE_POINT before the release
rmgr: LogicalMessage len (rec/tot): 62/ 62, tx:        744, lsn: 0/0300A580, prev 0/0300A0F0, desc: MESSAGE transactional, prefix "holdfast"; payload (5 bytes): 70 72 6F 62 65
rmgr: LogicalMessage len (rec/tot): 62/ 62, tx:        745, lsn: 0/0300A590, prev 0/0300A0F0, desc: MESSAGE transactional, prefix "app"; payload (5 bytes): 70 72 6F 62 65
pg_waldump: error: error in WAL record at 0/300A500: invalid record length at 0/300A600
"""  # noqa: E501


def test_commits_and_restore_points_are_read_from_a_dump():
    found = list(wal.records(DUMP))
    assert [(each.kind, each.xid, each.name) for each in found] == [
        ("commit", 741, ""),
        ("commit", 743, ""),
        ("point", 0, "before the release"),
        ("own", 744, ""),
    ]
    assert found[0].at == datetime(2026, 11, 20, 10, 20, 58, 123456, UTC)
    assert found[0].position == 0x300A0F0
