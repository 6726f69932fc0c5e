"""The ledger on a real server: appends, heads, and every way to tamper with it in SQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from holdfast import evidence_check
from holdfast.app import evidence as app
from holdfast.app.evidence_heads import AT_LEAST_EVERY, Keeper
from holdfast.core.errors import Conflict, NotFound, Transient
from holdfast.core.layout import Site
from holdfast.core.promise import Evidence, Verdict
from holdfast.evidence.head import SignedHead
from holdfast.evidence.leaf import Record
from holdfast.providers.evidence_files import HeadsFile, Signer, heads_file, key_file
from holdfast.store import Store, evidence, evidence_heads, operations, schema
from holdfast.store.connection import SCHEMA, sqlalchemy_url
from holdfast.system.clock import ManualClock
from holdfast.system.post import post_json

AT = datetime(2026, 3, 1, tzinfo=UTC)


def fact(name: object, **more: Any) -> Record:
    return Record(**{"id": f"op-{name}", "kind": "backup", "at": AT, "database": "orders", **more})


class Ledger:
    """A control database, a home folder and a keeper of heads."""

    def __init__(self, url: str, home: Path, secret: str = "ab" * 32) -> None:
        self.url = url
        self.signer = Signer(secret)
        self.store = Store(url, seal=self.signer.seal)
        self.site = Site(home, "0badcafe", "127.9.9", "nobody")
        self.clock = ManualClock(AT)
        (home / "evidence").mkdir(exist_ok=True)
        self.sent: list[SignedHead] = []
        if not key_file(self.site).exists():
            self.signer.publish(key_file(self.site))
        self.keeper = Keeper(self.store, self.clock, self.file, self.signer, self._send)
        self.control: Any = SimpleNamespace(platform=self)

    @property
    def file(self) -> HeadsFile:
        return heads_file(self.site)

    async def _send(self, head: SignedHead) -> None:
        self.sent.append(head)
        if len(self.sent) == 2:
            raise Transient("nobody is at home")

    async def append(self, *records: Record) -> int:
        async with self.store.begin() as connection:
            return await evidence.append(connection, records)

    async def filled(self, count: int = 12, every: int = 4) -> None:
        for n in range(count):
            await self.append(fact(n))
            if n % every == every - 1:
                await self.keeper.sign()

    async def found(self) -> set[str]:
        self.clock.advance(3600)
        audited = await app.verify(self.control)
        return {each.id.removeprefix("evidence.") for each in audited.report.findings}

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection]:
        """Somebody whom no trigger stops."""
        with psycopg.connect(self.url, options=f"-c search_path={SCHEMA}") as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection


@pytest.fixture
async def ledger(url: str, tmp_path: Path) -> AsyncIterator[Ledger]:
    made = Ledger(url, tmp_path)
    yield made
    await made.store.close()


# -- appending -------------------------------------------------------------------------------


async def test_appends_at_once_make_one_row_of_leaves(ledger: Ledger) -> None:
    names = [str(n % 30) for n in range(60)]
    added = await asyncio.gather(*(ledger.append(fact(name)) for name in names))
    assert sum(added) == 30
    assert await ledger.append(fact("a"), fact("b"), fact("a"), fact("3")) == 2
    await ledger.keeper.sign()
    assert await ledger.found() == set()
    audited = await app.verify(ledger.control)
    assert (audited.report.leaves, audited.report.signed, audited.report.heads) == (32, 32, 1)
    assert audited.fingerprint == ledger.signer.fingerprint


async def test_what_is_rolled_back_was_never_there(ledger: Ledger) -> None:
    async def fails() -> None:
        async with ledger.store.begin() as connection:
            await evidence.append(connection, [fact(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert not ledger.store.appended.is_set()
    await ledger.append(fact(2))
    assert ledger.store.appended.is_set()
    assert [each.seq for each in await _recent(ledger)] == [0]


async def _recent(ledger: Ledger, **which: Any) -> tuple[evidence.Leaf, ...]:
    given = {"database": None, "kind": None, "limit": 50, **which}
    return await app.recent(ledger.control, **given)


async def test_an_operation_is_recorded_when_it_is_asked_for_and_when_it_ends(
    ledger: Ledger,
) -> None:
    store = ledger.store
    async with store.begin() as c:
        made = await operations.create(
            c, kind="backup", database="orders", request={"kind": "full"}, actor="ada"
        )
        await operations.start(c, made.id)
    for _ in range(2):  # a workflow that was interrupted after its end ends again
        async with store.begin() as c:
            await operations.finish(c, made.id, state="succeeded", outcome={"label": "x"})
    async with store.begin() as c:
        queued = await operations.create(
            c, kind="drill", database="orders", request={}, actor="scheduler"
        )
        await operations.request_cancel(c, queued.id)
    said = [each.record for each in reversed(await _recent(ledger))]
    assert [(each.kind, each.actor, each.id) for each in said] == [
        ("approval", "ada", f"{made.id}-approval"),
        ("backup", "ada", made.id),
        ("drill", "scheduler", queued.id),
    ]
    assert said[1].measured["outcome"] == {"label": "x"}
    assert said[1].measured["request"] == {"kind": "full"}
    assert said[2].measured["state"] == "cancelled"


async def test_only_proofs_count_as_proofs(ledger: Ledger) -> None:
    proof = Evidence("p", "restore-test", "orders", AT, Verdict.PROVEN, {"rows": 3}, ())
    async with ledger.store.begin() as c:
        await evidence.add(c, proof, operation_id="op-1", actor="ada")
        await evidence.append(c, [fact(1, kind="restore-test")])
        assert await evidence.latest(c, "orders", since=AT) == {"restore-test": proof}
    rows = psycopg.connect(ledger.url).execute(
        f"select verdict, measured, reasons, operation_id, actor from {SCHEMA}.evidence"
        " where id = 'p'"
    )
    assert rows.fetchall() == [("proven", {"rows": 3}, [], "op-1", "ada")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence_leaf SET verdict = 'proven'",
        "DELETE FROM evidence_leaf",
        "TRUNCATE evidence_leaf",
        "UPDATE evidence_head SET size = 0",
        "DELETE FROM evidence_head",
        "TRUNCATE evidence_head",
    ],
)
async def test_the_database_refuses_changes(ledger: Ledger, statement: str) -> None:
    await ledger.filled(4)
    with (
        psycopg.connect(ledger.url, options=f"-c search_path={SCHEMA}") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"),
    ):
        connection.execute(statement)


# -- heads -----------------------------------------------------------------------------------


async def test_heads_go_into_the_database_then_into_the_file_then_elsewhere(
    ledger: Ledger,
) -> None:
    await ledger.filled(12)
    filed = ledger.file.read()
    assert [(each.head.number, each.head.size) for each in filed] == [(0, 4), (1, 8), (2, 12)]
    assert ledger.sent == list(filed)  # the second was refused, and nothing else came of it
    async with ledger.store.begin() as c:
        assert await evidence_heads.after(c, -1) == filed
    assert await ledger.keeper.sign() is None
    ledger.clock.advance(AT_LEAST_EVERY.total_seconds())
    daily = await ledger.keeper.sign()
    assert daily is not None
    assert (daily.head.number, daily.head.size) == (3, 12)
    assert await ledger.found() == set()


async def test_a_keeper_that_died_before_the_file_goes_on(ledger: Ledger) -> None:
    await ledger.filled(8)
    lines = ledger.file.path.read_bytes().splitlines(keepends=True)
    ledger.file.path.write_bytes(lines[0] + lines[1][:30])
    assert await ledger.found() == {"head-not-filed"}
    await ledger.append(fact("more"))
    await ledger.keeper.sign()
    assert [each.head.number for each in ledger.file.read()] == [0, 1, 2]
    assert await ledger.found() == set()


async def test_a_head_is_posted_as_a_line_of_the_file(ledger: Ledger) -> None:
    await ledger.filled(4)
    (head,) = ledger.file.read()
    taken: list[bytes] = []
    statuses = [204, 500]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        top = await reader.readuntil(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length:")[2].split()[0])
        taken.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 %d x\r\nconnection: close\r\n\r\n" % statuses.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/heads?token=secret"
    await post_json(url, head.line)
    assert SignedHead.parse(taken[0].decode()) == head
    with pytest.raises(Transient, match="answered with 500"):
        await post_json(url, head.line)
    server.close()
    await server.wait_closed()
    with pytest.raises(Transient) as refused:
        await post_json(url, head.line)
    assert "secret" not in str(refused.value)


async def test_the_keeper_signs_at_once_and_by_itself(ledger: Ledger) -> None:
    task = asyncio.create_task(ledger.keeper.run())
    await ledger.append(fact(1))

    async def signed() -> None:
        while not (found := ledger.file.last()) or found.head.size != 1:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(signed(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_leaf_that_the_platform_did_not_write_is_found_and_not_signed(
    ledger: Ledger,
) -> None:
    await ledger.filled(4)
    forger = Store(ledger.url)  # who can do everything in the database, and has our own code
    async with forger.begin() as connection:
        await evidence.append(connection, [fact("false", verdict="proven")])
    await forger.close()
    with pytest.raises(Conflict, match="leaf 4 was not written by the platform"):
        await ledger.keeper.sign()
    assert await ledger.found() == {"forged", "unsigned"}


async def test_another_key_signs_nothing(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.filled(4)
    other = Ledger(ledger.url, tmp_path, secret="cd" * 32)
    await ledger.append(fact("more"))
    with pytest.raises(Conflict, match="signed by the key"):
        await other.keeper.sign()
    await other.store.close()


# -- tampering, by somebody who may do anything in the database ---------------------------------

TAMPERING = {
    "a text": (
        "UPDATE evidence_leaf SET content = replace(content, 'orders', 'orderz') WHERE seq = 5",
        "changed",
    ),
    "a text and its hash": (
        (
            "UPDATE evidence_leaf SET content = replace(content, 'op-5', 'op-6'),"
            " hashes = sha256('\\x00'::bytea ||"
            " convert_to(replace(content, 'op-5', 'op-6'), 'UTF8'))"
            " || substr(hashes, 33) WHERE seq = 5"
        ),
        "root",
    ),
    "a column": ("UPDATE evidence_leaf SET verdict = 'proven' WHERE seq = 5", "column"),
    "a moment": ("UPDATE evidence_leaf SET at = at - interval '1 day' WHERE seq = 5", "column"),
    "one taken out": ("DELETE FROM evidence_leaf WHERE seq = 5", "missing"),
    "one taken out, the rest moved up": (
        (
            "DELETE FROM evidence_leaf WHERE seq = 5;"
            "UPDATE evidence_leaf SET seq = seq - 1 WHERE seq > 5;"
            "UPDATE evidence_tree SET size = 11"
        ),
        "moved",
    ),
    "two swapped": (
        (
            "UPDATE evidence_leaf SET seq = 100 WHERE seq = 5;"
            "UPDATE evidence_leaf SET seq = 5 WHERE seq = 6;"
            "UPDATE evidence_leaf SET seq = 6 WHERE seq = 100"
        ),
        "moved",
    ),
    "the tail": ("DELETE FROM evidence_leaf WHERE seq > 8", "truncated"),
    "the tail with its heads": (
        (
            "DELETE FROM evidence_leaf WHERE seq >= 8; DELETE FROM evidence_head WHERE number > 1;"
            "UPDATE evidence_tree SET size = 8,"
            " peaks = (SELECT substr(hashes, 97, 32) FROM evidence_leaf WHERE seq = 7)"
        ),
        "truncated",
    ),
    "everything": ("TRUNCATE evidence_leaf, evidence_head", "truncated"),
    "a head": ("UPDATE evidence_head SET size = 7 WHERE number = 1", "column"),
    "a head's text": (
        "UPDATE evidence_head SET content = replace(content, ':8}', ':7}') WHERE number = 1",
        "head-changed",
    ),
    "a head's signature": (
        "UPDATE evidence_head SET signature = '\\x00' WHERE number = 2",
        "signature",
    ),
    "a head taken out": ("DELETE FROM evidence_head WHERE number = 1", "head-missing"),
    "the last head taken out": ("DELETE FROM evidence_head WHERE number = 2", "head-missing"),
    "a false head": (
        (
            "INSERT INTO evidence_head SELECT 3, size, at, content, signature FROM evidence_head"
            " WHERE number = 1"
        ),
        "head-order",
    ),
    "the tree": ("UPDATE evidence_tree SET peaks = '\\x00'", "tree"),
    "the log": ("UPDATE evidence_tree SET log = 'another'", "log"),
    "the guards": ("DROP TRIGGER only_added ON evidence_leaf", "unguarded"),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_every_tampering_in_sql_is_found(ledger: Ledger, what: str) -> None:
    await ledger.filled(12)
    assert await ledger.found() == set()
    statement, finding = TAMPERING[what]
    with ledger.superuser() as connection:
        connection.execute(statement)
    assert finding in await ledger.found()


async def test_a_database_put_back_to_an_older_state_is_found_and_not_signed(
    ledger: Ledger, server: str, tmp_path: Path
) -> None:
    await ledger.filled(8)
    await ledger.store.close()
    name = ledger.url.split("/")[3].split("?")[0]
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_old TEMPLATE {name}")
    try:
        for n in range(8, 12):
            await ledger.append(fact(n))
        await ledger.keeper.sign()
        old = Ledger(server.format(f"{name}_old"), tmp_path)
        found = await old.found()
        assert {"truncated", "head-missing"} <= found
        # Not even when it has grown again beyond what was signed.
        with pytest.raises(Conflict, match="12 leaves were signed, and the control database has 8"):
            await old.keeper.sign()
        for n in range(20):
            await old.append(fact(f"new-{n}"))
        with pytest.raises(Conflict, match="first 12 leaves are not those that were signed"):
            await old.keeper.sign()
        assert {"root", "head-missing"} <= await old.found()
        await old.store.close()
    finally:
        with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}_old WITH (FORCE)")


# -- taking it away --------------------------------------------------------------------------


async def test_a_leaf_is_shown_with_its_proof(ledger: Ledger) -> None:
    await ledger.filled(7, every=7)
    await ledger.append(fact("late"))
    shown = await app.show(ledger.control, "op-3")
    assert (shown.leaf.seq, len(shown.path)) == (3, 3)
    assert shown.head is not None
    assert evidence_check.is_included(
        evidence_check.leaf_hash(shown.leaf.content.encode()), 3, 7, shown.head.head.root,
        shown.path,
    )  # fmt: skip
    assert (await app.show(ledger.control, "3")).leaf == shown.leaf
    assert (await app.show(ledger.control, "op-late")).head is None
    with pytest.raises(NotFound, match="no evidence 'nothing'"):
        await app.show(ledger.control, "nothing")


async def test_a_bundle_holds_what_happened_in_a_time_and_is_checked_alone(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Conflict, match="no signed head yet"):
        await app.bundle(ledger.control, begin=None, end=None, with_head=None)
    for n in range(20):
        await ledger.append(fact(n, at=AT + timedelta(days=n)))
        await ledger.keeper.sign()
        ledger.clock.advance(86400)
    begin, end = AT + timedelta(days=5), AT + timedelta(days=9)
    made = await app.bundle(ledger.control, begin=begin, end=end, with_head=0)
    assert [json.loads(each)["id"] for each in made["leaves"]] == [f"op-{n}" for n in range(5, 10)]
    numbers = [json.loads(each["head"])["number"] for each in made["heads"]]
    assert numbers == [0, 5, 6, 7, 8, 9, 19]
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(made))
    assert evidence_check.main([str(path), "--key", str(key_file(ledger.site))]) == 0
    assert "TRUE: leaves 5 to 9" in capsys.readouterr().out
    with pytest.raises(NotFound, match="no evidence of that time"):
        await app.bundle(ledger.control, begin=AT + timedelta(days=50), end=None, with_head=None)
    with pytest.raises(NotFound, match="no head 77"):
        await app.bundle(ledger.control, begin=None, end=None, with_head=77)
    with ledger.superuser() as connection:
        connection.execute("DELETE FROM evidence_leaf WHERE seq = 7")
    with pytest.raises(NotFound, match="leaf 7 is gone"):
        await app.bundle(ledger.control, begin=AT, end=AT, with_head=None)


# -- coming from an earlier release ------------------------------------------------------------


async def test_evidence_of_an_earlier_release_becomes_leaves(
    empty_url: str, tmp_path: Path
) -> None:
    engine = sa.create_engine(sqlalchemy_url(empty_url))
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {SCHEMA}"))
        command.upgrade(schema._config(connection), "0002")
        for n in range(5):
            connection.execute(
                sa.text(
                    f"INSERT INTO {SCHEMA}.evidence VALUES (:id, 'ready', 'orders', :at, 'proven',"
                    """ '{"ready_s": 1.5}', '[]', NULL)"""
                ),
                {"id": f"e{n}", "at": AT + timedelta(seconds=9 - n)},
            )
    engine.dispose()
    await schema.migrate(empty_url)
    ledger = Ledger(empty_url, tmp_path)
    assert [each.record.id for each in await _recent(ledger)] == ["e0", "e1", "e2", "e3", "e4"]
    await ledger.append(fact("new"))
    await ledger.keeper.sign()
    assert await ledger.found() == set()
    async with ledger.store.begin() as c:
        (newest,) = (await evidence.latest(c, "orders", since=AT)).values()
    assert replace(newest, at=AT) == Evidence(
        "e0", "ready", "orders", AT, Verdict.PROVEN, {"ready_s": 1.5}, ()
    )
    await ledger.store.close()
