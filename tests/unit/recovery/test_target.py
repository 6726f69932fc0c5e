from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import Error, Invalid, NotFound, Refused
from holdfast.recovery import wal
from holdfast.recovery.loss import Tally, sentence
from holdfast.recovery.target import Candidate, Target, candidate, choose, target_of
from holdfast.recovery.wal import Record

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PATH = wal.path(1, "")


def backup(number: int, *, timeline: int = 1, damaged: bool = False) -> Candidate:
    """Backup `n` ends at noon plus n hours, at position n MiB."""
    stopped = NOON + timedelta(hours=number)
    return Candidate(
        f"b{number}", "full", stopped, timeline, (number << 20) - 4096, number << 20,
        damaged=damaged,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"kind": "moon"}, "there is no target 'moon'"),
        ({"kind": "time", "value": "yesterday"}, "is no time"),
        ({"kind": "time", "value": "2026-11-20T10:00:00"}, "says no time zone"),
        ({"kind": "lsn", "value": "3"}, "no position"),
        ({"kind": "xid", "value": "-1"}, "no transaction"),
        ({"kind": "xid", "value": "2"}, "no transaction"),
        ({"kind": "name", "value": ""}, "cannot be the name"),
        ({"kind": "name", "value": "a\nrestore_command = 'x'"}, "cannot be the name"),
        ({"kind": "name", "value": "x" * 64}, "cannot be the name"),
        ({"kind": "latest", "value": "x"}, "takes no value"),
        ({"kind": "latest", "timeline": 0}, "is no timeline"),
    ],
)
def test_a_target_that_nobody_could_reach_is_refused(data: dict[str, object], said: str):
    with pytest.raises(Invalid, match=said):
        target_of(data)


def test_a_time_is_kept_in_utc():
    found = target_of({"kind": "time", "value": "2026-11-20T14:00:00+02:00"})
    assert found.at == NOON
    assert target_of(found.to_json()) == found


def test_the_newest_backup_before_the_target_is_chosen():
    backups = [backup(1), backup(2), backup(3)]
    at = NOON + timedelta(hours=2, minutes=30)
    assert choose(Target("time", at.isoformat()), PATH, backups).label == "b2"
    assert choose(Target("lsn", wal.lsn_text(2 << 20)), PATH, backups).label == "b2"
    assert choose(Target("latest"), PATH, backups).label == "b3"
    assert choose(Target("name", "x"), PATH, backups, hit=(3 << 20) - 1).label == "b2"


def test_a_target_before_the_first_backup_is_refused_with_its_end():
    with pytest.raises(Refused, match=r"backup b1 ended at 2026-11-20T13:00"):
        choose(Target("time", NOON.isoformat()), PATH, [backup(1), backup(2)])
    with pytest.raises(Refused, match="position 0/100000"):
        choose(Target("lsn", "0/10"), PATH, [backup(1)])


def test_a_damaged_backup_is_passed_over_unless_it_is_named():
    backups = [backup(1), backup(2, damaged=True)]
    assert choose(Target("latest"), PATH, backups).label == "b1"
    assert choose(Target("latest"), PATH, backups, wanted="b2").label == "b2"
    with pytest.raises(Refused, match="every backup holds pages"):
        choose(Target("latest"), PATH, backups[1:])


def test_a_backup_that_is_not_there_or_of_another_timeline_is_refused():
    with pytest.raises(NotFound, match="no complete backup"):
        choose(Target("latest"), PATH, [])
    with pytest.raises(NotFound, match="no complete backup b7"):
        choose(Target("latest"), PATH, [backup(1)], wanted="b7")
    with pytest.raises(Refused, match="no backup lies on the way to timeline 1"):
        choose(Target("latest"), PATH, [backup(1, timeline=2)])


def test_a_backup_taken_after_the_switch_is_not_on_the_way():
    path = wal.path(2, f"1\t{wal.lsn_text(2 << 20)}\tx\n")
    backups = [backup(1), backup(3)]
    assert choose(Target("latest"), path, backups).label == "b1"
    assert choose(Target("latest"), path, [*backups, backup(4, timeline=2)]).label == "b4"


@given(st.lists(st.integers(1, 50), min_size=1, unique=True), st.integers(0, 60))
def test_whatever_is_chosen_can_reach_the_target(hours: list[int], wanted: int):
    target = Target("time", (NOON + timedelta(hours=wanted)).isoformat())
    try:
        found = choose(target, PATH, [backup(each) for each in hours])
    except Error:
        assert min(hours) > wanted
    else:
        assert found.stopped_at <= target.at
        assert all(each <= wanted for each in [int(found.label[1:])])
        assert not any(int(found.label[1:]) < each <= wanted for each in hours)


def test_facts_of_pgbackrest_become_a_candidate():
    found = candidate(
        {
            "label": "20261120-103028F",
            "type": "full",
            "error": False,
            "timestamp": {"start": 1795170620, "stop": 1795170628},
            "archive": {"start": "000000020000000000000004", "stop": "000000020000000000000004"},
            "lsn": {"start": "0/4000028", "stop": "0/4000138"},
            "info": {"size": 1000},
        }
    )
    assert (found.timeline, found.start, found.stop) == (2, 0x4000028, 0x4000138)
    assert found.stopped_at == datetime.fromtimestamp(1795170628, UTC)


# -- what is lost ----------------------------------------------------------------------------


def commit(number: int) -> Record:
    return Record("commit", number * 100, number + 1000, NOON + timedelta(seconds=number))


COMMITS = [commit(number) for number in range(1, 21)]


def tally(target: Target, records: list[Record] = COMMITS) -> Tally:
    sums = Tally(target)
    # In portions, as they come from the archive.
    sums.add(records[:7])
    sums.add(records[7:])
    return sums


def test_commits_behind_a_time_are_lost():
    found = tally(Target("time", (NOON + timedelta(seconds=5)).isoformat()))
    assert (found.commits, found.kept, found.end) == (15, 500, 2000)
    assert found.first_at == NOON + timedelta(seconds=6)
    assert found.last_at == NOON + timedelta(seconds=20)
    assert found.to_json()["lost_wal_bytes"] == 1500
    assert sentence(found.to_json()).startswith("15 committed transactions are lost, from 2026-")


def test_the_platform_s_own_transactions_do_not_count():
    own = Record("own", 1510, 1016)
    found = tally(Target("xid", "1005"), [*COMMITS[:15], own, *COMMITS[15:]])
    assert found.commits == 14


def test_the_named_transaction_and_the_point_themselves_are_kept():
    assert tally(Target("xid", "1005")).commits == 15
    point = Record("point", 550, name="here")
    records = [*COMMITS[:5], point, *COMMITS[5:]]
    assert tally(Target("name", "here"), records).commits == 15
    assert tally(Target("lsn", wal.lsn_text(500))).commits == 15


def test_nothing_is_lost_by_going_to_the_end():
    found = tally(Target("latest"))
    assert (found.commits, found.to_json()["reached"]) == (0, True)
    assert sentence(found.to_json()) == "no committed transaction is lost"


def test_a_target_that_is_not_there_is_not_reached():
    for target in (
        Target("name", "x"),
        Target("xid", "7"),
        Target("time", "2026-11-21T00:00+00:00"),
    ):
        assert tally(target).to_json()["reached"] is False


@given(st.integers(0, 25))
def test_every_commit_is_either_kept_or_lost(seconds: int):
    found = tally(Target("time", (NOON + timedelta(seconds=seconds)).isoformat()))
    assert found.commits == max(0, 20 - seconds)
    assert found.kept == min(seconds, 20) * 100
