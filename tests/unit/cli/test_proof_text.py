"""The outcome of a proof in words."""

from __future__ import annotations

from holdfast.cli.proof_text import proof_markdown, proof_text

LAYER = {
    "layer": 3,
    "id": "structure",
    "verdict": "failed",
    "spent_s": 2.0,
    "checks": [{"id": "structure", "verdict": "failed", "detail": "item|pkey lacks a row"}],
    "looked_at": ["2 tables"],
    "not_looked_at": ["1 gin index"],
    "reasons": [],
}
OUTCOME = {
    "verdict": "failed",
    "evidence": "e",
    "backup": "20260101-010101F",
    "checks": LAYER["checks"],
    "layers": [LAYER],
    "reasons": ["structure: item|pkey lacks a row"],
}


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


def test_each_layer_says_what_it_looked_at_and_what_not():
    assert proof_text(OUTCOME) == (
        "failed  (evidence e)\n"
        "  layer 3  structure: failed (2.0 s)\n"
        "    ✗ structure  item|pkey lacks a row\n"
        "      looked at: 2 tables\n"
        "      not looked at: 1 gin index\n"
    )


def test_a_report_in_markdown():
    text = proof_markdown(
        {"id": "op-1", "database": "orders", "finished_at": "now", "outcome": OUTCOME}
    )
    assert text.startswith("# Verification of orders: failed\n")
    assert "| 3 structure | failed | 2.0 s | structure failed | item\\|pkey lacks a row |" in text
    assert "- layer 3: 1 gin index" in text
