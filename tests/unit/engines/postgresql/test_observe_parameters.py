"""What a server runs with, against what it should: spellings, sources, restarts that wait."""

from __future__ import annotations

from dataclasses import replace

from holdfast.engines.postgresql.observe_node import Member, waits_for
from holdfast.engines.postgresql.observe_parameters import Running, Setting, compared

WORK_MEM = Setting("work_mem", "4MB", "4096", "kB", "integer", "configuration file", waits=False)
ZONE = Setting("TimeZone", "UTC", "UTC", None, "string", "configuration file", waits=False)


def test_one_value_in_two_spellings_is_no_deviation() -> None:
    assert compared({"work_mem": "4MB", "timezone": "UTC"}, [WORK_MEM, ZONE]).deviating == {}


def test_another_value_is_told_with_both() -> None:
    found = compared({"work_mem": "8MB"}, [WORK_MEM])
    assert found.deviating == {"work_mem": "4MB instead of 8MB"}
    assert found.values == {"work_mem": "4096"}


def test_what_waits_for_a_restart_is_no_deviation_and_is_told_whoever_set_it() -> None:
    waiting = replace(WORK_MEM, waits=True)
    foreign = replace(ZONE, name="huge_pages", waits=True)
    found = compared({"work_mem": "8MB"}, [waiting, foreign])
    assert found.deviating == {}
    assert found.waiting == ("huge_pages", "work_mem")


def test_what_a_role_a_database_or_a_client_set_says_nothing_of_the_server() -> None:
    for source in ("user", "database", "client", "session", "override"):
        assert compared({"work_mem": "8MB"}, [replace(WORK_MEM, source=source)]).deviating == {}


def test_patroni_and_postgresql_each_know_of_other_restarts() -> None:
    member = Member(waits_for_restart=True, restart_reasons=("max_connections",))
    assert waits_for(member, Running(waiting=("wal_buffers",))) == (
        "max_connections",
        "wal_buffers",
    )
    assert waits_for(Member(waits_for_restart=True), Running()) == ("another parameter",)
    assert waits_for(Member(), Running()) == ()
