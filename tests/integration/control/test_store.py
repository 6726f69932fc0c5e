"""The control database's own rules, on a real server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from holdfast.core.change import Action, Change, Disruption, Plan
from holdfast.core.errors import Conflict, NotFound, Refused, Transient
from holdfast.core.promise import Evidence, Verdict
from holdfast.store import (
    Store,
    backups,
    databases,
    evidence,
    journal,
    nodes,
    operations,
    plans,
    secrets,
    tables,
)
from holdfast.store.connection import SCHEMA, sqlalchemy_url
from holdfast.store.journal import LogEntry
from holdfast.store.schema import head, migrate

SPEC = {"name": "orders", "tier": "tier-0"}


async def test_migrating_twice_at_once_and_again_changes_nothing(empty_url: str) -> None:
    await asyncio.gather(migrate(empty_url), migrate(empty_url))
    await migrate(empty_url)
    store = Store(empty_url)
    async with store.begin() as c:
        version = await c.execute(sa.text(f"SELECT version_num FROM {SCHEMA}.alembic_version"))
        assert version.scalars().all() == [head()]
    await store.close()


def test_migrations_make_exactly_the_tables_that_queries_use(url: str) -> None:
    engine = sa.create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table_schema": SCHEMA,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
            },
        )
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


async def test_a_newer_control_database_is_refused(url: str) -> None:
    store = Store(url)
    async with store.begin() as c:
        await c.execute(sa.text(f"UPDATE {SCHEMA}.alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(Conflict, match="another release"):
        await migrate(url)


async def test_a_server_that_is_away_is_transient(tmp_path) -> None:
    url = f"postgresql://control@/postgres?host={tmp_path}"
    with pytest.raises(Transient):
        await migrate(url)
    store = Store(url)
    with pytest.raises(Transient, match="does not answer"):
        async with store.begin():
            pass


async def test_a_changed_spec_is_a_new_generation(store: Store) -> None:
    async with store.begin() as c:
        assert (await databases.put(c, "orders", SPEC, phase="creating")).generation == 1
        assert (await databases.put(c, "orders", SPEC, phase="ready")).generation == 1
        changed = await databases.put(c, "orders", SPEC | {"size": "m"}, phase="ready")
        assert changed.generation == 2
        await databases.set_phase(c, "orders", "degraded")
        assert (await databases.get(c, "orders")).phase == "degraded"
        with pytest.raises(NotFound, match="nowhere"):
            await databases.set_phase(c, "nowhere", "ready")
        assert [d.name for d in await databases.every(c)] == ["orders"]
        assert await databases.remove(c, "orders")
        assert not await databases.remove(c, "orders")


async def test_addresses_are_never_given_out_twice(store: Store) -> None:
    candidates = [f"127.1.2.{k}" for k in range(11, 23)]
    async with store.begin() as c:
        for name in "abcd":
            await databases.put(c, name, SPEC, phase="creating")

    async def allocate(name: str, ordinal: int) -> str:
        async with store.begin() as c:
            return await nodes.allocate(c, name, ordinal, candidates)

    wanted = [(name, ordinal) for name in "abcd" for ordinal in (1, 2, 3)]
    given = await asyncio.gather(*(allocate(*one) for one in wanted))
    assert sorted(given) == sorted(candidates)
    assert await asyncio.gather(*(allocate(*one) for one in wanted)) == given
    with pytest.raises(Refused, match="all 12 addresses are taken"):
        await allocate("a", 4)


async def test_a_released_address_is_the_last_to_come_back(store: Store) -> None:
    candidates = [f"127.1.2.{k}" for k in range(11, 15)]
    async with store.begin() as c:
        for name in "abc":
            await databases.put(c, name, SPEC, phase="creating")
        for name in "bc":
            await nodes.allocate(c, name, 1, candidates)
        await nodes.release_all(c, "c")
        await nodes.release_all(c, "b")
        order = [await nodes.allocate(c, "a", ordinal, candidates) for ordinal in (3, 4, 5, 6)]
    assert order == ["127.1.2.13", "127.1.2.14", "127.1.2.12", "127.1.2.11"]


async def test_a_place_for_later_is_kept_while_there_is_plenty_of_room(store: Store) -> None:
    candidates = [f"127.1.2.{k}" for k in range(11, 17)]
    async with store.begin() as c:
        for name in "ab":
            await databases.put(c, name, SPEC, phase="creating")
        assert await nodes.allocate(c, "a", 1, candidates) == "127.1.2.11"
        kept = [await nodes.reserve(c, "a", ordinal, candidates) for ordinal in (2, 3, 4)]
        assert kept == ["127.1.2.12", "127.1.2.13", None]
        assert await nodes.reserve(c, "a", 3, candidates) == "127.1.2.13"
        assert await nodes.allocate(c, "a", 3, candidates) == "127.1.2.13"
        # A node that is there gets a place all the same.
        assert await nodes.allocate(c, "b", 1, candidates) == "127.1.2.14"


async def test_sandboxes_and_nodes_share_no_address(store: Store) -> None:
    async with store.begin() as c:
        await databases.put(c, "a", SPEC, phase="creating")
        await nodes.allocate(c, "a", 1, ["127.1.2.11"])
        box = await nodes.allocate_sandbox(c, "op-1", ["127.1.2.11", "127.1.2.12"])
        assert box == await nodes.allocate_sandbox(c, "op-1", ["127.1.2.99"]) == "127.1.2.12"
        assert await nodes.sandboxes(c) == {"op-1": "127.1.2.12"}
        await nodes.release_sandbox(c, "op-1")
        assert await nodes.sandboxes(c) == {}


async def test_secrets_are_created_once_and_replaced_by_version(store: Store) -> None:
    async with store.begin() as c:
        first = await secrets.create(c, "a/x", ciphertext=b"1", nonce=b"n", key_id="k")
        second = await secrets.create(c, "a/x", ciphertext=b"2", nonce=b"m", key_id="k")
        assert second == first and first.version == 1
        third = await secrets.replace(c, "a/x", ciphertext=b"3", nonce=b"o", key_id="k")
        assert (third.version, third.ciphertext) == (2, b"3")
        await secrets.create(c, "a_x", ciphertext=b"1", nonce=b"n", key_id="k")
        assert await secrets.refs(c, "a/") == ("a/x",)
        assert await secrets.remove(c, "a_") == 1  # `_` is no wildcard
        assert await secrets.find(c, "a/x") == third


async def test_a_plan_comes_back_as_it_was(store: Store) -> None:
    change = Change(
        "create role/x", "role", Action.CREATE, "role/x", None, {"login": True},
        Disruption.RELOAD, "wanted", "drop it", ("server runs",), (),
    )  # fmt: skip
    plan = Plan("orders", (change,))
    async with store.begin() as c:
        plan_id = await plans.save(c, plan, SPEC)
        saved = await plans.get(c, plan_id)
        assert (saved.plan, saved.digest, saved.spec) == (plan, plan.digest, SPEC)
        assert await plans.prune(c, datetime.now(UTC) + timedelta(minutes=1)) == 1
        with pytest.raises(NotFound):
            await plans.get(c, plan_id)


async def test_the_newest_proof_of_each_kind_counts(store: Store) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    old = Evidence("e1", "restore", "orders", at, Verdict.FAILED, {"restore_s": 1.5}, ("slow",))
    new = replace(old, id="e2", at=at + timedelta(days=1), verdict=Verdict.PROVEN, reasons=())
    async with store.begin() as c:
        for proof in (new, old, old):
            await evidence.add(c, proof)
        assert await evidence.latest(c, "orders", since=at) == {"restore": new}
        # A database of that name that came later has proven nothing yet.
        assert await evidence.latest(c, "orders", since=at + timedelta(days=2)) == {}
        assert await evidence.history(c, "orders", "restore") == (new, old)


async def test_a_backup_is_known_by_its_label(store: Store) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    running = backups.Backup("b1", "orders", "20260501F", "full", "running", at)
    complete = replace(running, state="complete", finished_at=at, size_bytes=10, stored_bytes=4)
    async with store.begin() as c:
        await backups.put(c, running)
        await backups.put(c, complete)
        assert await backups.of_database(c, "orders") == (complete,)
        assert await backups.remove_all(c, "orders") == 1


async def _queue(store: Store, database: str | None, **more: object) -> str:
    async with store.begin() as c:
        operation = await operations.create(
            c, kind="apply", database=database, request={}, actor="me", **more
        )
        return operation.id


async def _start(store: Store, operation_id: str) -> bool:
    async with store.begin() as c:
        return await operations.start(c, operation_id)


async def test_one_operation_runs_on_a_database_at_a_time(store: Store) -> None:
    first, second, other = [await _queue(store, name) for name in ("a", "a", "b")]
    async with store.begin() as c:
        assert await operations.startable(c) == (first, other)
    assert sorted(await asyncio.gather(*(_start(store, one) for one in (first, second)))) == [
        False,
        True,
    ]
    running = [one for one in (first, second) if not await _start(store, one)]
    assert set(running) == {first, second}
    async with store.begin() as c:
        assert await operations.startable(c) == (other,)
        [holder] = await operations.running(c)
        await operations.finish(c, holder.id, state="succeeded", outcome={})
        assert set(await operations.startable(c)) == {first, second, other} - {holder.id}


async def test_operations_on_the_site_do_not_wait_for_each_other(store: Store) -> None:
    both = [await _queue(store, None) for _ in range(2)]
    assert [await _start(store, one) for one in both] == [True, True]


async def test_refuse_if_busy_names_the_other_operation(store: Store) -> None:
    first = await _queue(store, "a")
    with pytest.raises(Conflict, match=first):
        await _queue(store, "a", refuse_if_busy=True)
    await _queue(store, "b", refuse_if_busy=True)
    results = await asyncio.gather(
        *(_queue(store, "c", refuse_if_busy=True) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, Conflict) for result in results) == 3


async def test_the_first_final_state_stands(store: Store) -> None:
    one = await _queue(store, "a")
    await _start(store, one)
    async with store.begin() as c:
        await operations.finish(c, one, state="failed", error={"code": "failed"})
        await operations.finish(c, one, state="succeeded", outcome={})
        assert (await operations.get(c, one)).state == "failed"


async def test_cancelling(store: Store) -> None:
    one, two = [await _queue(store, "a") for _ in range(2)]
    await _start(store, one)
    async with store.begin() as c:
        assert (await operations.request_cancel(c, two)).state == "cancelled"
        asked = await operations.request_cancel(c, one)
        assert (asked.state, asked.cancel_requested) == ("running", True)
        with pytest.raises(NotFound):
            await operations.request_cancel(c, "op-nowhere")


async def test_a_reader_misses_nothing_that_concurrent_writers_commit(store: Store) -> None:
    one = await _queue(store, "a")
    await _start(store, one)
    done = asyncio.Event()

    async def write(seq: int) -> None:
        for turn in range(5):
            async with store.begin() as c:
                await journal.start_step(c, one, seq, f"step {seq}")
                entry = LogEntry("info", f"{seq}.{turn}", seq, f"{seq}.{turn}")
                await journal.write_log(c, one, [entry, entry])

    async def read() -> list[str]:
        seen: list[str] = []
        after = 0
        while True:
            last = done.is_set()
            async with store.begin() as c:
                lines = await journal.log(c, one, after=after)
            seen += [line.text for line in lines]
            after = max([after, *(line.seq for line in lines)])
            if last:
                return seen
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(seq) for seq in range(1, 5)))
    done.set()
    seen = await reader
    assert sorted(seen) == sorted(f"{seq}.{turn}" for seq in range(1, 5) for turn in range(5))


async def test_steps_keep_their_attempts_and_detail(store: Store) -> None:
    one = await _queue(store, "a")
    async with store.begin() as c:
        await journal.plan_step(c, one, 1, "look")
        assert not await journal.start_step(c, one, 1, "look")
        await journal.describe_step(c, one, 1, {"progress": {"done": 1}})
        await journal.start_step(c, one, 1, "look")
        await journal.finish_step(c, one, 1, state="succeeded", detail={"bytes": 3})
        await journal.plan_step(c, one, 1, "look")
        [step] = await journal.steps(c, one)
        assert (step.state, step.attempts) == ("succeeded", 2)
        assert step.detail == {"progress": {"done": 1}, "bytes": 3}
        assert await journal.steps(c, one, after=step.revision) == ()
