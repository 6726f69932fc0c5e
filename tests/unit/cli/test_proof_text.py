"""The outcome of a proof in words."""

from __future__ import annotations

from holdfast.cli.proof_text import proof_text


def test_a_line_for_each_check_and_for_what_no_check_says():
    text = proof_text(
        {
            "verdict": "failed",
            "evidence": "op-1-drill",
            "checks": [
                {"id": "loss", "verdict": "proven", "detail": "nothing is lost"},
                {"id": "redundancy", "verdict": "failed", "detail": "a node is away"},
            ],
            "reasons": ["redundancy: a node is away", "the test ended early"],
        }
    )
    assert text == (
        "failed  (evidence op-1-drill)\n"
        "  ✓ loss        nothing is lost\n"
        "  ✗ redundancy  a node is away\n"
        "  ? the test ended early\n"
    )
