"""The scheduler's loop on a real control database: one operation a slot, whoever computes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.app import promises, scheduler
from holdfast.core.errors import Conflict
from holdfast.providers.settings import Settings
from holdfast.store import Store, databases, evidence, operations, tables
from holdfast.system.clock import ManualClock
from holdfast.workflows.registry import Workflow
from holdfast.workflows.run import Run
from holdfast.workflows.runtime import Runtime
from tests.unit.spec.site import ORDERS, orders, resolved

DAY = timedelta(days=1)


async def _nothing(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    return {}


WORKFLOWS = {kind: Workflow(kind, _nothing) for kind in ("backup", "verify", "drill")}


class Site:
    """Control planes of one database. None runs an operation: the test says how they end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock()

    def control(self, **settings: Any) -> Any:
        platform: Any = SimpleNamespace(store=self.store, clock=self.clock)
        runtime = Runtime(platform, WORKFLOWS, on_lost=lambda: None)
        given = Settings(Path("/nowhere"), **settings)
        return SimpleNamespace(platform=platform, runtime=runtime, settings=given)

    async def declare(self, text: str = ORDERS, phase: str = "ready") -> None:
        document = resolved(text)
        async with self.store.begin() as c:
            made = await databases.put(c, document.name, document.to_json(), phase=phase)
        self.clock.advance((made.created_at - self.clock.now()).total_seconds())

    async def unfinished(self) -> list[operations.Operation]:
        async with self.store.begin() as c:
            return list(await operations.recent(c, states=("queued", "running")))

    async def end(self, operation: operations.Operation, **outcome: Any) -> None:
        async with self.store.begin() as c:
            await operations.start(c, operation.id)
            await operations.finish(c, operation.id, state="succeeded", outcome=outcome)
            # The database has the time of the machine, and the site that of the test.
            now = self.clock.now()
            await c.execute(
                sa.update(tables.operation)
                .where(tables.operation.c.id == operation.id)
                .values(created_at=now, started_at=now, finished_at=now)
            )


@pytest.fixture
def site(store: Store) -> Site:
    return Site(store)


async def test_a_fresh_site_is_left_alone(site: Site) -> None:
    await site.declare()
    control = site.control()
    for _ in range(4):
        assert await scheduler.tick(control) == []
        site.clock.advance(3600)
    states = {each["task"]: each["state"] for each in await _told(control)}
    assert set(states.values()) == {"scheduled"}
    assert len(states) == 6


async def _told(control: Any, name: str | None = None) -> list[dict[str, Any]]:
    return (await scheduler.outlook(control, name)).to_json()


async def test_two_control_planes_start_one_operation(site: Site) -> None:
    await site.declare()
    site.clock.advance((9 * DAY).total_seconds())
    planes = [site.control() for _ in range(4)]
    started = await asyncio.gather(*(scheduler.tick(each) for each in planes))
    (only,) = [each for some in started for each in some]
    assert (only.kind, only.database, only.actor) == ("backup", "orders", "scheduler")
    assert only.request["kind"] in ("full", "diff", "incr")  # that depends on the weekday
    # The same moment has no second operation, also when the first one has ended meanwhile.
    async with site.store.begin() as c:
        with pytest.raises(Conflict, match="has its operation already"):
            await operations.create(
                c, kind="backup", database="orders", request={}, actor="x", slot=only.slot
            )
    # While the database is busy, nothing else of it starts.
    assert await scheduler.tick(planes[0]) == []


async def test_everything_due_is_done_one_after_the_other(site: Site) -> None:
    await site.declare()
    await site.declare(orders(name="billing"))
    site.clock.advance((8.6 * DAY).total_seconds())
    control = site.control()
    done: list[tuple[str, str | None]] = []
    for _ in range(8):
        # A look at the clock within the window of the drills.
        now = site.clock.now()
        site.clock.advance(((28 - now.hour) % 24 * 60 + 30 - now.minute) * 60)
        await scheduler.tick(control)
        under_way = await site.unfinished()
        assert sum(each.kind == "drill" for each in under_way) <= 1
        for each in under_way:
            done.append((each.kind, each.database))
            await site.end(each, verdict="proven")
        if not under_way:
            break
    assert sorted(set(done)) == sorted(
        (kind, name) for kind in ("backup", "drill", "verify") for name in ("billing", "orders")
    )
    async with site.store.begin() as c:
        leaves = await evidence.leaves(c)
    assert {each.record.actor for each in leaves} == {"scheduler"}
    assert "approval" not in {each.record.kind for each in leaves}


async def test_what_did_not_prove_anything_is_tried_again(site: Site) -> None:
    await site.declare(orders(schedule="{backups: false, drills: false}", tier="tier-1"))
    site.clock.advance((2 * DAY).total_seconds())
    control = site.control()
    (first,) = await scheduler.tick(control)
    assert first.kind == "verify"
    await site.end(first, verdict="unproven")
    told = {each["task"]: each for each in await _told(control, "orders")}
    assert told["restore test"]["last_at"] is None
    assert (told["full backup"]["state"], told["full backup"]["reason"]) == (
        "off",
        "the document turns it off",
    )


@pytest.mark.parametrize(
    ("request_", "counts"),
    [
        ({}, {"restore test"}),
        ({"layers": None, "backup": None}, {"restore test"}),
        ({"layers": "0"}, set()),
        ({"backup": "20260101-010101F"}, set()),
        ({"layers": "6"}, {"restore to a marker"}),
        ({"layers": "0-6"}, {"restore test", "restore to a marker"}),
    ],
)
async def test_only_a_whole_verification_counts(
    site: Site, request_: dict[str, Any], counts: set[str]
) -> None:
    await site.declare()
    control = site.control()
    async with site.store.begin() as c:
        made = await operations.create(
            c, kind="verify", database="orders", request=request_, actor="somebody"
        )
    await site.end(made, verdict="proven")
    told = {each["task"] for each in await _told(control) if each["last_at"] is not None}
    assert told == counts


async def test_a_site_or_a_deleted_database_has_nothing_to_run(site: Site) -> None:
    await site.declare(phase="retained")
    site.clock.advance((90 * DAY).total_seconds())
    assert await _told(site.control()) == []
    await site.declare(orders(name="billing"))
    site.clock.advance((90 * DAY).total_seconds())
    off = site.control(schedule=False)
    assert {each["state"] for each in await _told(off)} == {"off"}
    assert await scheduler.tick(off) == []
    await asyncio.wait_for(scheduler.run(off), 5)
    found = {each.id: each for each in await promises.of(off, "billing")}
    assert found["restore"].verdict == "unproven"
    assert "HOLDFAST_SCHEDULE=off" in found["restore"].reason
    on = {each.id: each for each in await promises.of(site.control(), "billing")}
    assert on["restore"].next_at is not None
    assert on["loss"].next_at is not None
