"""Promises: overdue is never green, a failed proof stays failed, and every value is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.core.promise import Evidence, Verdict
from holdfast.recovery.promises import Terms, promises
from holdfast.recovery.schedule import FAILOVER_DRILL, RESTORE_TEST, Attempt, Task, entry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIER_0 = Terms(rpo_s=0, rto_s=25, restore_test_every_s=86400, failover_drill_every_s=7 * 86400)
DRILL = {
    "acknowledged": 4213,
    "lost": 0,
    "gap_s": {"direct": 3.1, "pooled": 3.4},
    "checks": [
        {"id": id, "verdict": "proven", "detail": ""}
        for id in ("fault", "ledger", "loss", "order", "gap", "redundancy")
    ],
}
RESTORE = {
    "tables": 4,
    "rows": 500000,
    "restore_s": 2.0,
    "start_s": 1.1,
    "size_bytes": 2**20,
    "checks": [{"id": id, "verdict": "proven", "detail": ""} for id in ("restore", "start")],
}


def proof(kind: str, measured: dict, age: timedelta = timedelta(minutes=1), verdict="proven"):
    return Evidence("e", kind, "orders", NOW - age, Verdict(verdict), measured, ())


def lines(*evidence: Evidence, terms: Terms = TIER_0, entries=()):
    found = promises("orders", terms, {each.kind: each for each in evidence}, NOW, entries)
    return {each.id: each for each in found}


MARKERS = {"checks": [{"id": f"by {way}", "verdict": "proven", "detail": ""}
                      for way in ("name", "lsn", "time")]}  # fmt: skip
ALL = (
    proof("point-in-time", MARKERS),
    proof("ready", {"ready_s": 17.2}),
    proof("drill/kill-primary", DRILL),
    proof("restore-test", RESTORE),
)


def test_every_line_with_its_measured_value():
    found = lines(*ALL)
    assert {id: (str(each.verdict), each.measured) for id, each in found.items()} == {
        "ready": ("proven", "17.2 s"),
        "loss": ("proven", "0 of 4213 lost"),
        "resume": ("proven", "3.1 s direct, 3.4 s pooled"),
        "restore": ("proven", "4 tables, 500,000 rows"),
        "restore-time": ("proven", "3.1 s for 1.0 MiB"),
        "point-in-time": ("proven", "3 of 3 ways"),
    }


def test_without_evidence_nothing_is_proven():
    found = lines()
    assert [each.verdict for each in found.values()] == [Verdict.UNPROVEN] * 5
    assert found["loss"].age_s is None


@pytest.mark.parametrize(("days", "verdict"), [(6.9, "proven"), (7.1, "unproven")])
def test_overdue_is_unproven(days: float, verdict: str):
    found = lines(proof("drill/kill-primary", DRILL, timedelta(days=days)))
    assert found["loss"].verdict == verdict
    assert found["resume"].verdict == verdict
    assert ("overdue" in found["loss"].reason) == (verdict == "unproven")


def test_a_failed_check_fails_its_own_line_alone():
    checks = [
        {**each, "verdict": "failed", "detail": "27 s"} if each["id"] == "gap" else each
        for each in DRILL["checks"]
    ]
    found = lines(proof("drill/kill-primary", {**DRILL, "checks": checks}, verdict="failed"))
    assert (found["loss"].verdict, found["resume"].verdict) == ("proven", "failed")
    assert found["resume"].reason == "27 s"


def test_a_failed_proof_stays_failed_however_old():
    found = lines(proof("restore-test", RESTORE, timedelta(days=90), "failed"))
    assert found["restore"].verdict == "failed"


def test_an_interrupted_drill_proves_nothing():
    checks = [{"id": "fault", "verdict": "unproven", "detail": "interrupted"}]
    found = lines(proof("drill/kill-primary", {"checks": checks}, verdict="unproven"))
    assert found["loss"].verdict == "unproven"
    assert found["loss"].measured == ""


def test_evidence_from_the_future_is_no_pass():
    found = lines(proof("restore-test", RESTORE, timedelta(hours=-2)))
    assert found["restore"].verdict == "unproven"
    assert found["restore"].age_s == 0


def test_what_a_tier_does_not_demand_is_shown_only_where_it_was_proven():
    terms = Terms(900, 3600, 90 * 86400, None)
    assert set(lines(terms=terms)) == {"ready", "restore", "restore-time"}
    shown = lines(proof("drill/kill-primary", DRILL, timedelta(days=400)), terms=terms)
    assert shown["loss"].verdict == "proven"
    assert shown["loss"].statement.startswith("at most 15 min of acknowledged writes")


def test_how_long_a_restore_takes_is_known_even_if_nothing_could_be_compared():
    found = lines(proof("restore-test", RESTORE, verdict="unproven"))
    assert (found["restore"].verdict, found["restore-time"].verdict) == ("unproven", "proven")


def scheduled(**drill):
    test = Task("orders", RESTORE_TEST, "verify", {}, NOW, every=timedelta(days=1))
    kill = Task("orders", FAILOVER_DRILL, "drill", {}, NOW, every=timedelta(days=7), **drill)
    last = [Attempt(NOW - timedelta(minutes=1), True)]
    return entry(test, last, NOW), entry(kill, last, NOW)


def test_every_line_says_when_it_is_proven_again():
    entries = scheduled()
    found = lines(*ALL, entries=entries)
    assert {id: each.next_at for id, each in found.items()} == {
        "ready": None,
        "loss": entries[1].start_at,
        "resume": entries[1].start_at,
        "restore": entries[0].start_at,
        "restore-time": entries[0].start_at,
        "point-in-time": None,
    }
    # Before it is too old to be proven.
    assert found["restore"].next_at - NOW < timedelta(hours=23)


def test_a_proof_that_nobody_makes_says_so_when_it_is_wanted():
    entries = scheduled(in_window=True)
    late = lines(proof("drill/kill-primary", DRILL, timedelta(days=8)), entries=entries)
    assert (late["loss"].verdict, late["loss"].next_at) == ("unproven", None)
    assert late["loss"].reason.startswith("overdue: proven 8 d")
    assert late["loss"].reason.endswith("not scheduled: it has no maintenance window to run in")
    assert lines(*ALL, entries=entries)["loss"].reason == ""
