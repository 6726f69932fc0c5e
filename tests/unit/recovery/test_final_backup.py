"""What a final backup has to be before its database is deleted, and what does not count."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.recovery.final_backup import asked, objections
from holdfast.recovery.layers import chosen


def outcome(interrupted: str = "", **verdicts: str) -> dict[str, Any]:
    """Every layer proven, but for those named `layer_N`; None leaves one out."""
    said = {number: verdicts.get(f"layer_{number}", "proven") for number in range(7)}
    found = [
        {"layer": number, "verdict": verdict, "reasons": [f"reason of {number}"]}
        for number, verdict in said.items()
        if verdict
    ]
    return {"interrupted": interrupted, "layers": found}


@pytest.mark.parametrize(
    ("wanted", "numbers"), [("0", "0-4"), ("1-2,6", "0-4,6"), ("0-5", "0-5"), ("0-4", "0-4")]
)
def test_the_tier_can_only_ask_for_more(wanted: str, numbers: str):
    assert asked(chosen(wanted)) == chosen(numbers)


@pytest.mark.parametrize("layer", range(4))
@pytest.mark.parametrize("verdict", ["failed", "unproven"])
def test_the_backup_itself_has_to_be_proven(layer: int, verdict: str):
    assert objections(outcome(**{f"layer_{layer}": verdict})) == (f"reason of {layer}",)


def test_a_layer_without_a_word_is_an_objection():
    (said,) = objections(outcome(layer_1=""))
    assert said.endswith("was not looked at")


def test_a_difference_from_the_source_is_one_and_an_open_question_is_none():
    assert objections(outcome(layer_4="failed")) == ("reason of 4",)
    assert objections(outcome(layer_4="unproven")) == ()


def test_what_the_owner_wants_to_hear_decides_nothing():
    assert objections(outcome(layer_5="failed", layer_6="unproven")) == ()


def test_one_that_nobody_saw_to_the_end_proves_nothing():
    assert objections(outcome("the control plane ended")) == ("the control plane ended",)
