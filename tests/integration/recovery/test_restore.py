"""A sound backup is proven; each planted fault is found; nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.errors import Refused
from holdfast.core.promise import Verdict
from holdfast.engines.postgresql import counts, sandbox_probe, stored, witness
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.cluster import READER
from holdfast.engines.postgresql.counts import Rules
from holdfast.engines.postgresql.render_sandbox import MARK, Sandbox
from holdfast.engines.postgresql.sandbox_process import confinement, run_in
from holdfast.recovery.layers import verdict
from holdfast.recovery.verdict import Judgement
from holdfast.system import processes
from holdfast.system.clock import SystemClock
from holdfast.system.local_host import LocalHost
from tests.integration.recovery.origin import Origin

pytestmark = [pytest.mark.timeout(120), pytest.mark.requires("initdb", "pgbackrest", "pg_amcheck")]
CLOCK = SystemClock()


LAYERS = (1, 2, 3, 4)


class Trial:
    """One restore test, step by step, so that a test can spoil what is between two steps."""

    def __init__(self, origin: Origin, host: LocalHost) -> None:
        self.origin, self.host = origin, host
        self.sandbox: Sandbox = origin.sandbox(f"op-{secrets.token_hex(4)}")
        self.told: dict[str, Any] = {
            "backup": {"label": origin.newest_label(), "size_bytes": 1, "lsn": ""}
        }

    async def mark(self, **more: Any) -> None:
        point = f"holdfast_{secrets.token_hex(4)}"
        self.witness = await witness.witness(
            self.origin.connect, self.origin.reading, CLOCK, point=point, **more
        )
        assert self.witness.problem == ""
        self.told["witness"] = self.witness.to_json()

    async def restore(self) -> None:
        config = self.origin.backup_file(self.sandbox.data, self.sandbox.log)
        await boxes.make(self.sandbox, self.host, backup_file=config)
        label = self.origin.newest_label()
        step = await boxes.restore(
            self.sandbox, self.host, CLOCK,
            label=label, point=self.witness.point, timeline=self.witness.timeline,
        )  # fmt: skip
        self.told["restore"] = asdict(step)
        if step.ok:
            manifest = await stored.fetch(self.sandbox, self.host, label)
            self.told["files"] = await sandbox_probe.files(
                self.sandbox, self.host, CLOCK, manifest, lambda done, total: None
            )

    async def start(self) -> bool:
        step, reached = await boxes.start(self.sandbox, self.host, CLOCK)
        self.told["start"] = {**asdict(step), "reached": asdict(reached)}
        if step.ok:
            self.told["start"]["branch"] = await boxes.branch(self.sandbox, self.host)
            self.exact = await witness.exact(
                self.witness, lambda name: boxes.connected(self.sandbox, name)
            )
        return bool(step.ok)

    async def look(self) -> None:
        if not await self.start():
            return
        self.told["structure"] = asdict(
            await sandbox_probe.structure(self.sandbox, self.host, CLOCK)
        )
        self.told["dump"] = asdict(await sandbox_probe.dump(self.sandbox, self.host, CLOCK))
        await self.compare()
        self.told["checksums"] = asdict(
            await sandbox_probe.checksums(self.sandbox, self.host, CLOCK)
        )

    async def compare(self, **more: Any) -> None:
        copy = await counts.count(
            lambda name: boxes.connected(self.sandbox, name, user=READER),
            Rules(seed=self.witness.point, blocks=self.witness.sampled),
        )
        self.compared = await witness.compare(
            self.witness, copy, self.origin.reading, CLOCK, exact=self.exact, **more
        )
        self.told["compared"] = {**asdict(self.compared), "spent_s": 0.0}

    def judge(self) -> Judgement:
        return verdict(self.told, LAYERS)

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
    compared = trial.compared
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
        assert trial.compared.rows == 20100 + 2 + 1
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
    assert await trial.start()
    assert trial.exact == ("postgres", "shop")
    async with boxes.connected(trial.sandbox, "shop") as connection:
        await connection.execute("delete from item where id = 4711")
    await trial.compare()
    (said,) = trial.compared.different
    assert said.startswith("shop.public.item has 20099 rows in the copy and 20100 on the source")
    assert said.endswith("nothing was committed in between")


async def test_a_large_table_is_sampled_alike_on_both_sides(trial: Trial):
    await trial.mark(rules=Rules(seed="s", hashed_up_to_bytes=2**16))
    trial.witness = replace(trial.witness, point=trial.witness.point)
    await trial.restore()
    assert await trial.start()
    assert set(trial.witness.sampled) == {"shop.public.item"}
    copy = await counts.count(
        lambda name: boxes.connected(trial.sandbox, name, user=READER),
        Rules(seed="s", blocks=trial.witness.sampled),
    )
    found = await witness.compare(trial.witness, copy, trial.origin.reading, CLOCK)
    assert found.sampled == ("shop.public.item",)


async def test_what_was_committed_between_snapshot_and_restore_point_is_known(trial: Trial):
    """A snapshot that does not see it is not exact, and nothing is called damage."""
    async with counts.snapshot(trial.origin.reading, "shop") as held:
        trial.origin.sql("insert into item values (90002, 'in between', '')", "shop")
        try:
            await trial.mark()
            tables = await held.count(Rules())
        finally:
            trial.origin.sql("delete from item where id = 90002", "shop")
    early = {**trial.witness.snapshots, "shop": held.text}
    trial.witness = replace(
        trial.witness, snapshots=early, tables={**trial.witness.tables, **tables}
    )
    await trial.restore()
    assert await trial.start()
    assert trial.exact == ("postgres",)
    await trial.compare()
    assert trial.compared.bounded == ("shop.public.item",)


async def test_the_sandbox_writes_nowhere_else_and_talks_to_nobody(trial: Trial):
    await trial.mark()
    await trial.restore()
    if "own folder only" not in await confinement(trial.sandbox, trial.host):
        pytest.skip("this kernel has no Landlock")

    async def ends_with(*argv: str) -> int:
        return (await run_in(trial.sandbox, trial.host, argv, timeout_s=20)).exit_code

    repository = trial.origin.repository
    assert await ends_with("touch", f"{trial.sandbox.folder}/allowed") == 0
    assert await ends_with("touch", f"{repository}/planted") != 0
    (manifest,) = repository.glob("backup/*/backup.info")
    assert await ends_with("rm", str(manifest)) != 0
    assert await ends_with("cat", str(manifest)) == 0
    assert await ends_with("touch", f"{trial.origin.data}/planted") != 0
    code = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    done = await run_in(trial.sandbox, trial.host, [trial.sandbox.python, "-c", code], timeout_s=20)
    assert b"PermissionError" in done.stderr


async def test_a_copy_that_would_not_fit_is_refused(trial: Trial):
    config = trial.origin.backup_file(trial.sandbox.data, trial.sandbox.log)
    await boxes.make(trial.sandbox, trial.host, backup_file=config)
    await boxes.refuse_without_space(trial.sandbox, trial.host, needed_bytes=1)
    with pytest.raises(Refused, match=r"the copy needs 1\.0 PiB|the copy needs 1024\.0 TiB"):
        await boxes.refuse_without_space(trial.sandbox, trial.host, needed_bytes=2**50)


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
    assert "shop.public.busy" in (*trial.compared.bounded, *trial.compared.equal)


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
    assert any(reason.startswith("structure: pg_amcheck found") for reason in judged.reasons)
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
