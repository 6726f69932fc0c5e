"""The ledger's clients against a real server: what they were told is what they note."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.core.errors import Refused
from holdfast.engines.postgresql import ledger, ledger_table
from holdfast.engines.postgresql.faults import targets
from holdfast.engines.postgresql.postmaster import identified, is_alive
from holdfast.recovery.ledger import Answer, account
from holdfast.system.accounts import current_account
from holdfast.system.clock import SystemClock
from holdfast.system.local_host import LocalHost
from tests.integration.recovery.origin import Origin

pytestmark = [pytest.mark.timeout(90), pytest.mark.requires("initdb", "pgbackrest")]
CLOCK = SystemClock()


@pytest.fixture
async def endpoints(origin: Origin):
    """Two names for one server, and a role that may do nothing but insert."""
    origin.sql("drop role if exists writer; create role writer login", "shop")
    async with origin.connect("shop") as connection:
        await ledger_table.create_table(connection, "writer", mark="op-1")
    uri = f"postgresql://writer@/shop?host={origin.socket}"
    yield [
        ledger.Endpoint("direct", uri, 3),
        ledger.Endpoint("pooled", uri, 2),
        ledger.Endpoint("new", uri, 1, fresh=True),
    ]
    async with origin.connect("shop") as connection:
        await ledger_table.drop_table(connection)
    origin.sql("drop role writer", "shop")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def keeping(endpoints: list[ledger.Endpoint], spool: Path, **more: float):
    load = ledger.Load(0.005, seed=7, **more)
    return ledger.keeping(endpoints, CLOCK, site_id="00000000", spool=spool, load=load)


async def rows(origin: Origin):
    async with origin.connect("shop") as connection:
        return await ledger_table.read_back(connection)


async def test_on_a_quiet_server_everything_is_acknowledged_and_there(origin, endpoints, spool):
    async with keeping(endpoints, spool) as book:
        assert await book.until(lambda session: session.acknowledged >= 20, deadline_s=30)
        noted = await book.stop()
    stored = await rows(origin)
    found = account(noted.attempts, stored, noted.reads)
    assert found.acknowledged == len(noted.attempts) >= 100
    assert (found.lost, found.repeated, found.misplaced, found.foreign) == ((), (), (), ())
    assert (found.unread, found.reads) == ((), len(noted.reads))
    assert found.reads > 0
    assert {attempt.endpoint for attempt in noted.attempts} == {"direct", "pooled", "new"}
    assert {row.timeline for row in stored} == {1}


async def test_rows_that_go_missing_are_found(origin, endpoints, spool):
    async with keeping(endpoints, spool) as book:
        assert await book.until(lambda session: session.acknowledged >= 5, deadline_s=30)
        attempts = (await book.stop()).attempts
    origin.sql("delete from holdfast_drill.ledger where session = 2 and number = 3", "shop")
    origin.sql(
        "insert into holdfast_drill.ledger (session, number) select 1, 1 union all select 99, 1",
        "shop",
    )
    found = account(attempts, await rows(origin))
    assert [(each.session, each.number) for each in found.lost] == [(2, 3)]
    assert found.repeated == ((1, 1),)
    assert found.foreign == ((99, 1),)


async def test_a_cancelled_wait_for_the_standby_is_unknown_although_it_commits(
    origin, endpoints, spool
):
    """The server says `INSERT 0 1`, with a warning, for a row that no standby has."""
    async with keeping(endpoints, spool) as book:
        assert await book.until(lambda session: session.acknowledged >= 5, deadline_s=30)
        origin.sql("alter system set synchronous_standby_names = 'nobody'")
        origin.sql("select pg_reload_conf()")
        try:
            await waiting(origin, 6)
            origin.sql(
                "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
            )
            await waiting(origin, 6)
        finally:
            origin.sql("alter system reset synchronous_standby_names")
            origin.sql("select pg_reload_conf()")
        attempts = (await book.stop()).attempts
    unknown = [attempt for attempt in attempts if attempt.answer is Answer.UNKNOWN]
    assert len(unknown) == 6
    assert {attempt.detail for attempt in unknown} == {
        "canceling wait for synchronous replication due to user request"
    }
    found = account(attempts, await rows(origin))
    assert found.unknown_present == 6
    assert found.lost == ()


async def waiting(origin: Origin, count: int) -> None:
    query = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
    async with asyncio.timeout(20):
        while origin.value(query) != count:
            await asyncio.sleep(0.05)


async def test_a_refusal_is_failed_and_a_broken_connection_unknown(origin, endpoints, spool):
    async with keeping(endpoints, spool) as book:
        assert await book.until(lambda session: session.acknowledged >= 5, deadline_s=30)
        origin.sql("revoke insert on holdfast_drill.ledger from writer", "shop")
        await asyncio.sleep(0.3)
        origin.sql("grant insert on holdfast_drill.ledger to writer", "shop")
        before = CLOCK.monotonic()
        assert await book.until(lambda session: session.last_s > before, deadline_s=30)
        origin.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                   "where usename = 'writer'")  # fmt: skip
        before = CLOCK.monotonic()
        assert await book.until(lambda session: session.last_s > before, deadline_s=30)
        attempts = (await book.stop()).attempts
    found = account(attempts, await rows(origin))
    assert found.failed >= 5
    assert {each.detail[:5] for each in attempts if each.answer is Answer.FAILED} == {"42501"}
    assert found.unknown <= 5
    assert (found.lost, found.resurrected) == ((), ())


async def test_no_writer_outlives_the_one_who_started_it(endpoints, spool):
    async with keeping(endpoints, spool) as book:
        process = book._process
        os.kill(process.pid, 0)
    assert process.returncode is not None


async def test_one_that_may_outlives_it_until_its_successor_says_stop(origin, endpoints, spool):
    async with keeping(endpoints, spool, outlives_s=60.0) as book:
        assert await book.until(lambda session: session.acknowledged >= 5, deadline_s=30)
        book._process.stdin.close()
        left = ledger.LeftLedger(spool, CLOCK)
        now = CLOCK.monotonic()
        assert await left.until(lambda session: session.last_s > now, deadline_s=30)
        noted = await left.stop()
        await asyncio.wait_for(book._process.wait(), 20)
    found = account(noted.attempts, await rows(origin), noted.reads)
    assert (found.lost, found.foreign, found.unread) == ((), (), ())


# -- the ledger's schema -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "owner",
    [
        "create schema holdfast_drill authorization tenant",
        "create schema holdfast_drill",
        (
            "create schema holdfast_drill authorization tenant;"
            " comment on schema holdfast_drill is 'ledger of holdfast drill op-1'"
        ),
    ],
    ids=["an application's", "a superuser's", "one with a forged mark"],
)
async def test_a_schema_of_somebody_else_is_refused_and_left_alone(origin: Origin, owner: str):
    origin.sql("create role tenant; create role writer", "shop")
    origin.sql(owner, "shop")
    origin.sql("create table holdfast_drill.ledger as select 42 as answer", "shop")
    try:
        async with origin.connect("shop") as connection:
            with pytest.raises(Refused, match="schema holdfast_drill of database shop"):
                await ledger_table.create_table(connection, "writer", mark="op-1")
            await ledger_table.drop_table(connection)
        assert origin.value("select answer from holdfast_drill.ledger", "shop") == 42
    finally:
        origin.sql("drop schema holdfast_drill cascade", "shop")
        origin.sql("drop role tenant, writer", "shop")


async def test_what_a_killed_drill_left_is_replaced(origin: Origin, endpoints):
    origin.sql("insert into holdfast_drill.ledger (session, number) values (9, 9)", "shop")
    async with origin.connect("shop") as connection:
        await ledger_table.create_table(connection, "writer", mark="op-2")
    assert await rows(origin) == ()


async def test_nothing_that_hangs_on_the_ledger_goes_with_it(origin: Origin, endpoints):
    origin.sql("create view report as select count(*) from holdfast_drill.ledger", "shop")
    try:
        async with origin.connect("shop") as connection:
            for act in (
                ledger_table.drop_table(connection),
                ledger_table.create_table(connection, "writer", mark="op-2"),
            ):
                with pytest.raises(Refused, match="view report"):
                    await act
        assert origin.value("select * from report", "shop") == 0
    finally:
        origin.sql("drop view report", "shop")


# -- faults ----------------------------------------------------------------------------------


async def test_a_signal_hits_what_it_was_aimed_at_and_nobody_else(host: LocalHost):
    sleepers = [subprocess.Popen(["sleep", "60"]) for _ in range(3)]
    user = current_account().name
    try:
        first, second, third = [await identified(each.pid, host) for each in sleepers]
        assert first and second and third
        later = replace(third, start="1")
        await targets.send("KILL", [first, later, second], host, user=user)
        assert [each.wait(timeout=5) for each in sleepers[:2]] == [-signal.SIGKILL] * 2
        assert await is_alive(third, host)
        assert not await is_alive(first, host)
        assert await identified(first.pid, host) is None
    finally:
        for each in sleepers:
            each.kill()
