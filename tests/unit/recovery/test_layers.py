"""What each layer says of what was told, and how layers are chosen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import Invalid
from holdfast.core.promise import Verdict
from holdfast.recovery.checks.meaning import holds
from holdfast.recovery.layers import chosen, kind_of, layers, results, show, verdict
from holdfast.recovery.restore_record import measured_of

ALL = tuple(range(7))
OK = {"ok": True, "spent_s": 1.0, "problem": ""}
COPY = {**OK, "before": True, "after": False, "branch": 2, "timeline": 2, "crossed": 1}
TOLD: dict[str, Any] = {
    "backup": {"label": "L", "kind": "full", "size_bytes": 2048, "lsn": "0/FF000028"},
    "repository": OK,
    "stored": {
        "backups": 1, "files": 3, "bytes": 99, "bad": [], "gaps": [], "without_checksum": 0,
        "segments": 2, "wal_from": "a", "wal_to": "b", "not_looked_at": [], "spent_s": 0.1,
        "proven": {"L": {"digest": "d", "at": "now"}},
    },
    "witness": {"point": "p", "lsn": "1/1000028", "timeline": 2, "problem": ""},
    "restore": {**OK, "boot": "b"},
    "files": {**OK, "count": 3, "bytes": 2048, "not_looked_at": ["file x"]},
    "start": {**OK, "reached": {"point": "p", "lsn": "1/1000000", "last_commit": ""},
              "branch": 2, "exact": []},
    "structure": {**OK, "looked_at": ["1 table"], "not_looked_at": ["1 gin index"]},
    "dump": OK,
    "compared": {
        "equal": ["d.s.t"], "sampled": [], "counted": [], "bounded": [], "open": [],
        "different": [], "rows": 7, "spent_s": 0.5,
    },
    "canaries": {"asked": [], "spent_s": 0.0},
    "foreign_keys": {"count": 1, "violated": [], "open": [], "not_looked_at": [], "spent_s": 0.0},
    "checksums": OK,
    "markers": {"name": COPY, "lsn": COPY, "time": COPY},
}  # fmt: skip


def test_a_verification_that_came_to_its_end():
    judged = verdict(TOLD, ALL)
    assert (judged.verdict, judged.reasons) == (Verdict.PROVEN, ())
    measured = measured_of(TOLD, ALL)
    assert measured["wal_bytes"] == 2 * 2**24
    assert (measured["tables"], measured["rows"], measured["restore_s"]) == (1, 7, 1.0)
    assert measured["chosen"] == "0-6"
    assert [each["verdict"] for each in measured["layers"]] == ["proven"] * 7


@pytest.mark.parametrize("steps", range(len(TOLD)))
def test_one_that_ended_early_is_not_proven(steps: int):
    told = dict(list(TOLD.items())[:steps])
    assert verdict(told, ALL).verdict is Verdict.UNPROVEN
    assert "layers" in measured_of(told, ALL)


def test_no_backup_is_a_failure_and_an_interruption_is_no_proof():
    assert verdict({"backup": None}, range(1, 6)).verdict is Verdict.FAILED
    assert verdict({**TOLD, "interrupted": "it ended"}, ALL).verdict is Verdict.UNPROVEN


CHANGES: list[tuple[str, object, int, Verdict]] = [
    ("repository.ok", False, 0, Verdict.FAILED),
    ("repository.ok", None, 0, Verdict.UNPROVEN),
    ("stored.bad", ["file x"], 0, Verdict.FAILED),
    ("stored.gaps", ["segment x"], 0, Verdict.FAILED),
    ("stored.without_checksum", 1, 0, Verdict.UNPROVEN),
    ("restore.ok", False, 1, Verdict.FAILED),
    ("files.ok", False, 1, Verdict.FAILED),
    ("files.ok", None, 1, Verdict.UNPROVEN),
    ("checksums.ok", False, 1, Verdict.FAILED),
    ("start.ok", False, 2, Verdict.FAILED),
    ("start.reached", {"point": "q"}, 2, Verdict.FAILED),
    ("start.branch", 1, 2, Verdict.FAILED),
    ("start.branch", 0, 2, Verdict.UNPROVEN),
    ("witness.problem", "nobody leads", 2, Verdict.UNPROVEN),
    ("structure.ok", False, 3, Verdict.FAILED),
    ("dump.ok", False, 3, Verdict.FAILED),
    ("compared.different", ["t"], 4, Verdict.FAILED),
    ("compared.open", ["t"], 4, Verdict.UNPROVEN),
    ("compared.bounded", ["t"], 4, Verdict.PROVEN),
    ("compared.sampled", ["t"], 4, Verdict.PROVEN),
    ("canaries.asked", [{"name": "a", "value": "1", "expect": "2", "holds": False, "problem": ""}],
     5, Verdict.FAILED),
    ("canaries.asked", [{"name": "a", "value": None, "expect": "2", "holds": False,
                         "problem": "no such table"}], 5, Verdict.UNPROVEN),
    ("canaries.why_not", "gone", 5, Verdict.UNPROVEN),
    ("foreign_keys.violated", ["k"], 5, Verdict.FAILED),
    ("foreign_keys.open", ["k"], 5, Verdict.UNPROVEN),
    ("foreign_keys.not_looked_at", ["k"], 5, Verdict.PROVEN),
    ("markers.name", {**COPY, "before": False}, 6, Verdict.FAILED),
    ("markers.lsn", {**COPY, "after": True}, 6, Verdict.FAILED),
    ("markers.time", {**COPY, "branch": 1}, 6, Verdict.FAILED),
    ("markers.time", {**COPY, "ok": None, "problem": "no archive"}, 6, Verdict.UNPROVEN),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "layer", "expected"), CHANGES)
def test_what_one_layer_says(path: str, value: object, layer: int, expected: Verdict):
    told = json.loads(json.dumps(TOLD))
    part, field = path.split(".")
    told[part][field] = value
    found = {each.number: each for each in results(told, ALL)}
    assert found[layer].verdict is expected
    assert all(each.verdict is Verdict.PROVEN for number, each in found.items() if number != layer)
    assert verdict(told, ALL).verdict is expected


def test_every_file_of_the_folder_is_a_layer_with_a_page():
    found = layers()
    assert [each.number for each in found] == list(ALL)
    for each in found:
        for part in ("**Catches:**", "**Cannot see:**", "**Verdict:**"):
            assert part in each.page, each.id


@pytest.mark.parametrize(
    ("text", "numbers"), [("0-4,6", (0, 1, 2, 3, 4, 6)), ("3", (3,)), ("5,1-2", (1, 2, 5))]
)
def test_layers_are_chosen_by_number(text: str, numbers: tuple[int, ...]):
    assert chosen(text) == numbers


@pytest.mark.parametrize("text", ["", "7", "4-2", "a", "1-", "-1", "1,,2", "0-9"])
def test_what_does_not_choose_layers(text: str):
    with pytest.raises(Invalid):
        chosen(text)


@given(st.sets(st.integers(0, 6), min_size=1))
def test_chosen_layers_are_shown_as_they_are_written(numbers: set[int]):
    assert chosen(show(numbers)) == tuple(sorted(numbers))


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        ("t", "true", True),
        ("f", "false", True),
        ("1.50", "1.5", True),
        ("5", "5", True),
        ("5", "6", False),
        ("t", "false", False),
        (None, "", True),
        (None, "x", False),
        ("nan", "nan", True),
    ],
)
def test_how_a_canary_s_value_compares(value: str | None, expected: str, same: bool):
    assert holds(value, expected) is same


@pytest.mark.parametrize(
    ("came_to", "wanted", "is_newest", "kind"),
    [
        ("0-5", "0-5", True, "restore-test"),
        ("0-5", "1-2,6", True, "restore-test"),
        ("0-4", "0-5", True, "verification"),
        ("0-5", "0-5", False, "verification"),
        # What a tier of an earlier version may still say: without a restore there is no such test.
        ("0", "0", True, "verification"),
        ("0", "6", True, "verification"),
    ],
)
def test_a_restore_test_restores(came_to: str, wanted: str, is_newest: bool, kind: str):
    assert kind_of(chosen(came_to), chosen(wanted), is_newest=is_newest) == kind
