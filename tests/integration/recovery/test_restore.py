"""A sound backup is proven; each planted fault is found; nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from pathlib import Path

import pytest

from holdfast.core.promise import Verdict
from holdfast.engines.postgresql import counts, sandbox_probe, witness
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.cluster import READER
from holdfast.engines.postgresql.render_sandbox import MARK, Sandbox
from holdfast.recovery.restore_test import Seen, verdict
from holdfast.recovery.verdict import Judgement
from holdfast.system import processes
from holdfast.system.clock import SystemClock
from holdfast.system.local_host import LocalHost
from tests.integration.recovery.origin import Origin

pytestmark = [pytest.mark.timeout(120), pytest.mark.requires("initdb", "pgbackrest", "pg_amcheck")]
CLOCK = SystemClock()


class Trial:
    """One restore test, step by step, so that a test can spoil what is between two steps."""

    def __init__(self, origin: Origin, host: LocalHost) -> None:
        self.origin, self.host = origin, host
        self.sandbox: Sandbox = origin.sandbox(f"op-{secrets.token_hex(4)}")
        self.seen: dict[str, object] = {}

    async def mark(self) -> None:
        point = f"holdfast_{secrets.token_hex(4)}"
        self.witness = await witness.witness(
            self.origin.connect, self.origin.reading, CLOCK, point=point
        )
        assert self.witness.problem == ""
        self.seen["wanted_point"] = point

    async def restore(self) -> None:
        config = self.origin.backup_file(self.sandbox.data, self.sandbox.log)
        await boxes.make(self.sandbox, self.host, backup_file=config)
        self.seen["restore"] = await boxes.restore(
            self.sandbox, self.host, CLOCK,
            label=self.origin.newest_label(),
            point=self.witness.point,
            timeline=self.witness.timeline,
        )  # fmt: skip

    async def look(self) -> None:
        step, reached = await boxes.start(self.sandbox, self.host, CLOCK)
        self.seen |= {"start": step, "reached_point": reached.point}
        if not step.ok:
            return
        self.seen["structure"] = await sandbox_probe.structure(self.sandbox, self.host, CLOCK)
        copy = await counts.count(lambda name: boxes.connected(self.sandbox, name, user=READER))
        self.seen["compared"] = await witness.compare(
            self.witness.tables, copy, self.origin.reading, CLOCK
        )
        self.seen["checksums"] = await sandbox_probe.checksums(self.sandbox, self.host, CLOCK)

    def judge(self) -> Judgement:
        return verdict(Seen(**self.seen))

    def heap_file(self, table: str) -> Path:
        path = self.origin.value(f"select pg_relation_filepath('{table}')", "shop")
        return Path(self.sandbox.data) / str(path)


@pytest.fixture
async def trial(origin: Origin, host: LocalHost):
    trial = Trial(origin, host)
    yield trial
    await boxes.destroy(trial.sandbox, host, CLOCK)
    assert not Path(trial.sandbox.folder).exists()
    assert processes.started_with(MARK, str(trial.sandbox.folder)) == []


async def test_a_sound_backup_is_proven(trial: Trial):
    await trial.mark()
    await trial.restore()
    await trial.look()
    assert trial.judge().reasons == ()
    assert trial.judge().verdict is Verdict.PROVEN
    compared = trial.seen["compared"]
    assert compared.equal == ('shop.public.Odd " name', "shop.public.item", "shop.public.many")
    assert compared.rows == 20100 + 2 + 1


async def test_what_is_written_after_the_restore_point_is_not_in_the_copy(trial: Trial):
    await trial.mark()
    trial.origin.sql("insert into item values (90001, 'too late', '')", "shop")
    try:
        await trial.restore()
        await trial.look()
        assert trial.judge().reasons == ()
        assert trial.judge().verdict is Verdict.PROVEN
        assert trial.seen["compared"].rows == 20100 + 2 + 1
    finally:
        trial.origin.sql("delete from item where id = 90001", "shop")


async def test_a_flipped_byte_in_a_heap_page_is_found(trial: Trial):
    await trial.mark()
    await trial.restore()
    flip(trial.heap_file("item"), 8192 + 5000)
    await trial.look()
    judged = trial.judge()
    assert judged.verdict is Verdict.FAILED
    assert any(reason.startswith(("structure:", "start:")) for reason in judged.reasons)


async def test_a_flipped_byte_where_no_checksum_looks_is_found_in_the_index(trial: Trial):
    """A row whose index entry points elsewhere: the page's checksum is right."""
    await trial.mark()
    await trial.restore()
    step, _ = await boxes.start(trial.sandbox, trial.host, CLOCK)
    assert step.ok
    async with boxes.connected(trial.sandbox, "shop") as connection:
        await connection.execute("update pg_index set indisready = false, indisvalid = false "
                                 "where indrelid = 'item'::regclass")  # fmt: skip
        await connection.execute("delete from item where id = 77")
        await connection.execute("insert into item values (77, 'not in the index', '')")
        await connection.execute("update pg_index set indisready = true, indisvalid = true "
                                 "where indrelid = 'item'::regclass")  # fmt: skip
    found = await sandbox_probe.structure(trial.sandbox, trial.host, CLOCK)
    assert found.ok is False
    assert "item_pkey" in found.problem


async def test_a_flipped_byte_in_the_repository_is_found(trial: Trial):
    await trial.mark()
    backup = trial.origin.repository / "backup/shop" / trial.origin.newest_label()
    files = [path for path in backup.rglob("*") if path.is_file()]
    largest = max((p for p in files if "manifest" not in p.name), key=lambda p: p.stat().st_size)
    place = largest.stat().st_size // 2
    flip(largest, place)
    try:
        await trial.restore()
    finally:
        flip(largest, place)
    judged = trial.judge()
    assert judged.verdict is Verdict.FAILED
    assert judged.reasons[0].startswith("restore: pgbackrest restore failed")


async def test_a_missing_wal_segment_is_found(trial: Trial):
    await trial.mark()
    segment = trial.origin.value(f"select pg_walfile_name('{trial.witness.lsn}')")
    (found,) = (trial.origin.repository / "archive").rglob(f"{segment}*")
    away = found.with_suffix(".away")
    found.rename(away)
    try:
        await trial.restore()
        await trial.look()
    finally:
        away.rename(found)
    judged = trial.judge()
    assert judged.verdict is Verdict.FAILED
    assert judged.reasons[0].startswith("start: the copy did not start")
    assert "before configured recovery target was reached" in judged.reasons[0]


async def test_a_row_that_the_copy_lacks_is_found(trial: Trial):
    await trial.mark()
    await trial.restore()
    step, _ = await boxes.start(trial.sandbox, trial.host, CLOCK)
    assert step.ok
    async with boxes.connected(trial.sandbox, "shop") as connection:
        await connection.execute("delete from item where id = 4711")
    copy = await counts.count(lambda name: boxes.connected(trial.sandbox, name, user=READER))
    found = await witness.compare(
        trial.witness.tables, copy, trial.origin.reading, CLOCK, counters_within_s=1
    )
    assert found.different == (
        "shop.public.item has 20099 rows in the copy and 20100 on the source; nobody wrote to it",
    )


async def test_a_busy_table_is_bounded_by_what_was_written(trial: Trial):
    """Rows come in while the source is counted and until long after the restore point."""
    origin = trial.origin
    origin.sql("create table busy (id bigserial)", "shop")
    stop = asyncio.Event()

    async def write() -> None:
        async with origin.connect("shop") as connection:
            while not stop.is_set():
                await connection.execute("insert into busy default values")
                await asyncio.sleep(0.001)

    writer = asyncio.create_task(write())
    try:
        await asyncio.sleep(0.3)
        await trial.mark()
        await trial.restore()
        await trial.look()
    finally:
        stop.set()
        await writer
        origin.sql("drop table busy", "shop")
    assert trial.judge().reasons == ()
    assert trial.judge().verdict is Verdict.PROVEN
    assert "shop.public.busy" in (*trial.seen["compared"].bounded, *trial.seen["compared"].equal)


async def test_a_sandbox_that_was_left_behind_is_destroyed(trial: Trial):
    await trial.mark()
    await trial.restore()
    step, _ = await boxes.start(trial.sandbox, trial.host, CLOCK)
    assert step.ok
    assert await boxes.is_running(trial.sandbox, trial.host)
    await boxes.destroy(trial.sandbox, trial.host, CLOCK)
    await boxes.destroy(trial.sandbox, trial.host, CLOCK)


async def test_an_interrupted_restore_is_done_over(trial: Trial):
    await trial.mark()
    begun = asyncio.create_task(trial.restore())
    await asyncio.sleep(0.4)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    await trial.restore()
    await trial.look()
    assert trial.judge().reasons == ()
    assert trial.judge().verdict is Verdict.PROVEN


async def test_the_copy_reaches_nobody(trial: Trial):
    """It listens on its own socket only, archives nothing and leaves the repository alone."""
    await trial.mark()
    before = contents(trial.origin.repository)
    await trial.restore()
    await trial.look()
    step, _ = await boxes.start(trial.sandbox, trial.host, CLOCK)
    assert step.ok
    async with boxes.connected(trial.sandbox) as connection:
        for name, expected in (("listen_addresses", ""), ("archive_mode", "off")):
            row = await (await connection.execute(f"show {name}")).fetchone()
            assert row == (expected,)
        await connection.execute("create table t (a int)")
        await connection.execute("select pg_switch_wal()")
    assert contents(trial.origin.repository) == before


async def test_damage_that_was_there_when_the_backup_was_taken_is_found(trial: Trial):
    """pgBackRest warns of it, ends with 0 and restores it faithfully."""
    origin = trial.origin
    for statement in (
        "create table rotten as select g, repeat('r', 100) from generate_series(1, 2000) g",
        "vacuum (freeze) rotten",
        "checkpoint",
    ):
        origin.sql(statement, "shop")
    file = origin.data / str(origin.value("select pg_relation_filepath('rotten')", "shop"))
    origin.stop("fast")
    flip(file, 8192 + 4000)
    origin.start()
    try:
        origin.pgbackrest("--type=full", "backup")
        (stanza,) = json.loads(origin.pgbackrest("--output=json", "info"))
        assert stanza["backup"][-1]["error"] is True
        await trial.mark()
        await trial.restore()
        await trial.look()
    finally:
        origin.sql("drop table rotten", "shop")
        origin.expire_newest()
    judged = trial.judge()
    assert judged.verdict is Verdict.FAILED
    assert judged.reasons[0].startswith("structure: pg_amcheck found corruption")
    assert any(reason.startswith("checksums: pg_checksums") for reason in judged.reasons)


def contents(folder: Path) -> dict[str, tuple[int, float]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime) for path in files}


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 0xFF]))
        os.fsync(stream.fileno())
