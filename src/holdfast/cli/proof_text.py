"""The outcome of a proof in words: its verdict, and a line for each check."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json

_MARKS = {"proven": "✓", "failed": "✗", "unproven": "?"}


def proof_text(outcome: Mapping[str, Json]) -> str:
    """`outcome` is that of an operation: `verdict`, `checks`, `reasons`, `evidence`."""
    checks = outcome.get("checks", [])
    width = max((len(check["id"]) for check in checks), default=0)
    lines = [f"{outcome['verdict']}  (evidence {outcome['evidence']})"]
    lines += [
        f"  {_MARKS[check['verdict']]} {check['id']:<{width}}  {check['detail']}"
        for check in checks
    ]
    told = {f"{check['id']}: {check['detail']}" for check in checks}
    lines += [f"  ? {reason}" for reason in outcome["reasons"] if reason not in told]
    return "\n".join(lines) + "\n"
