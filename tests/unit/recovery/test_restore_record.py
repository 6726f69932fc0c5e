"""What the steps of a restore test told, at each place where the test may have ended."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.core.promise import Verdict
from holdfast.recovery.restore_record import measured_of, seen_of
from holdfast.recovery.restore_test import verdict

OK = {"ok": True, "spent_s": 1.0, "problem": ""}
TOLD: dict[str, Any] = {
    "backup": {"label": "L", "kind": "full", "size_bytes": 2048, "lsn": "0/FF000028"},
    "witness": {"tables": {}, "point": "p", "lsn": "1/1000028", "timeline": 2, "problem": ""},
    "restore": {**OK, "boot": "b"},
    "start": {**OK, "reached": {"point": "p", "lsn": "1/1000000", "last_commit": ""}},
    "structure": OK,
    "compared": {
        "equal": ["d.s.t"],
        "counted": [],
        "bounded": [],
        "open": [],
        "different": [],
        "rows": 7,
        "spent_s": 0.5,
    },
    "checksums": OK,
}


def test_a_test_that_came_to_its_end():
    seen = seen_of(TOLD)
    assert verdict(seen).verdict is Verdict.PROVEN
    measured = measured_of(TOLD, seen)
    assert measured["wal_bytes"] == 2 * 2**24
    assert (measured["tables"], measured["rows"], measured["restore_s"]) == (1, 7, 1.0)


@pytest.mark.parametrize("steps", range(len(TOLD)))
def test_a_test_that_ended_early_is_not_proven(steps: int):
    told = dict(list(TOLD.items())[:steps])
    seen = seen_of(told)
    assert verdict(seen).verdict is Verdict.UNPROVEN
    assert "checks" in measured_of(told, seen)


def test_no_backup_is_a_failure():
    assert verdict(seen_of({"backup": None})).verdict is Verdict.FAILED


def test_a_source_that_could_not_be_asked_leaves_it_open():
    told = {
        **TOLD,
        "witness": {**TOLD["witness"], "lsn": "", "problem": "nobody leads"},
        "compared": {"why_not": "nobody leads", "spent_s": 0.0},
    }
    judged = verdict(seen_of(told))
    assert judged.verdict is Verdict.UNPROVEN
    assert "rows: nobody leads" in judged.reasons
    assert measured_of(told, seen_of(told))["wal_bytes"] is None
