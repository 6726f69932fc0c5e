"""What a tier asks for again and again, and which operations count as having done it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.app.scheduler import history, tasks_of
from holdfast.recovery.schedule import (
    DIFFERENTIAL,
    FAILOVER_DRILL,
    FULL,
    INCREMENTAL,
    POINT_IN_TIME,
    RESTORE_TEST,
    Attempt,
    Task,
)
from holdfast.store.attempts import Tried
from holdfast.store.databases import Database
from tests.unit.spec.site import ORDERS, orders, resolved

AT = datetime(2026, 3, 1, tzinfo=UTC)


def tasks(text: str = ORDERS, **more: Any) -> dict[str, Task]:
    document = resolved(text)
    record = Database(document.name, document.to_json(), 1, "ready", AT, AT)
    return {each.name: each for each in tasks_of(record, **more)}


def test_a_tier_0_database_asks_for_all_of_it() -> None:
    found = tasks()
    assert list(found) == [
        FULL,
        DIFFERENTIAL,
        INCREMENTAL,
        RESTORE_TEST,
        POINT_IN_TIME,
        FAILOVER_DRILL,
    ]
    assert found[INCREMENTAL].request == {"kind": "incr"}
    assert str(found[FAILOVER_DRILL].window) == "daily 02:00-05:00"
    assert {each.off for each in found.values()} == {""}


def test_the_document_s_window_comes_before_the_tier_s() -> None:
    found = tasks(orders(maintenanceWindow="sun 03:00-04:00"))
    assert str(found[FAILOVER_DRILL].window) == "sun 03:00-04:00"


def test_what_is_turned_off_says_by_whom() -> None:
    found = tasks(orders(schedule="{drills: false}"))
    assert found[FAILOVER_DRILL].off == "the document turns it off"
    assert found[RESTORE_TEST].off == ""
    assert {each.off for each in tasks(site_off="no").values()} == {"no"}


def tried(what: str, state: str = "succeeded", verdict: str = "", /, **request: Any) -> Tried:
    return Tried("orders", what, request, state, verdict, AT)


GOOD, BAD = [Attempt(AT, True)], [Attempt(AT, False)]


@pytest.mark.parametrize(
    ("what", "counts"),
    [
        (tried("backup", kind="full"), {FULL: GOOD, DIFFERENTIAL: GOOD, INCREMENTAL: GOOD}),
        (tried("backup", kind="incr"), {INCREMENTAL: GOOD}),
        (tried("backup"), {INCREMENTAL: GOOD}),
        (tried("backup", "failed", kind="full"), {FULL: BAD}),
        (tried("verify", "succeeded", "proven"), {RESTORE_TEST: GOOD}),
        (tried("verify", "succeeded", "unproven"), {RESTORE_TEST: BAD}),
        (tried("verify", "failed"), {RESTORE_TEST: BAD}),
        (
            tried("verify", "succeeded", "proven", layers="0-6"),
            {RESTORE_TEST: GOOD, POINT_IN_TIME: GOOD},
        ),
        (tried("verify", "succeeded", "proven", layers="6"), {POINT_IN_TIME: GOOD}),
        (tried("verify", "succeeded", "proven", layers="0-2"), {}),
        (tried("verify", "succeeded", "proven", backup="20260301-010000F"), {}),
        (tried("drill", "succeeded", "proven", drill="kill-primary"), {FAILOVER_DRILL: GOOD}),
        (tried("drill", "succeeded", "failed", drill="kill-primary"), {FAILOVER_DRILL: BAD}),
        (tried("drill", "succeeded", "proven", drill="connection-storm"), {}),
        (tried("apply"), {}),
    ],
    ids=lambda each: f"{each.kind} {each.request}" if isinstance(each, Tried) else "",
)
def test_what_counts_as_an_attempt(what: Tried, counts: dict[str, list[Attempt]]) -> None:
    found = history(list(tasks().values()), [what])
    assert {name: made for (_, name), made in found.items() if made} == counts
