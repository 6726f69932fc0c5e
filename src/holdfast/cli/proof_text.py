"""The outcome of a proof in words: its verdict, and a line for each check, by layer if any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from holdfast.core.change import Json
from holdfast.core.units import show_duration

_MARKS = {"proven": "✓", "failed": "✗", "unproven": "?"}


def proof_text(outcome: Mapping[str, Json]) -> str:
    """`outcome` is that of an operation: `verdict`, `checks`, `reasons`, `evidence`, `layers`."""
    checks = outcome.get("checks", [])
    lines = [f"{outcome['verdict']}  (evidence {outcome['evidence']})"]
    if outcome.get("layers"):
        lines += _layers(outcome["layers"])
    else:
        lines += _checks(checks, "  ")
    told = {f"{check['id']}: {check['detail']}" for check in checks}
    lines += [f"  ? {reason}" for reason in outcome["reasons"] if reason not in told]
    return "\n".join(lines) + "\n"


def _checks(checks: Sequence[Mapping[str, Json]], indent: str) -> Iterator[str]:
    width = max((len(check["id"]) for check in checks), default=0)
    for check in checks:
        yield f"{indent}{_MARKS[check['verdict']]} {check['id']:<{width}}  {check['detail']}"


def _layers(layers: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    for layer in layers:
        yield f"  layer {layer['layer']}  {layer['id']}: {layer['verdict']}{_spent(layer)}"
        yield from _checks(layer["checks"], "    ")
        for said in layer["looked_at"]:
            yield f"      looked at: {said}"
        for said in layer["not_looked_at"]:
            yield f"      not looked at: {said}"


def _spent(layer: Mapping[str, Json]) -> str:
    return f" ({show_duration(layer['spent_s'])})" if layer["spent_s"] else ""


def proof_markdown(operation: Mapping[str, Json]) -> str:
    """A report of a verification, to be kept or sent."""
    outcome = operation["outcome"]
    parts = [
        f"# Verification of {operation['database']}: {outcome['verdict']}\n",
        f"Operation `{operation['id']}`, ended {operation['finished_at']}.",
        f"Evidence `{outcome['evidence']}`, backup `{outcome.get('backup', '')}`.\n",
    ]
    if outcome["reasons"]:
        parts += ["Why it is not proven:\n", *(f"- {each}" for each in outcome["reasons"]), ""]
    parts += ["| layer | verdict | took | check | what it found |", "|---|---|---|---|---|"]
    for layer in outcome.get("layers", []):
        head = f"{layer['layer']} {layer['id']} | {layer['verdict']} | {_spent(layer).strip(' ()')}"
        checks = layer["checks"] or [{"id": "", "verdict": "", "detail": "not looked at"}]
        for check in checks:
            detail = str(check["detail"]).replace("|", "\\|")
            parts.append(f"| {head} | {check['id']} {check['verdict']} | {detail} |")
            head = " | | "
    for title, field in (("Looked at", "looked_at"), ("Not looked at", "not_looked_at")):
        parts += [f"\n## {title}\n"]
        parts += [
            f"- layer {layer['layer']}: {said}"
            for layer in outcome.get("layers", [])
            for said in layer[field]
        ]
    return "\n".join(parts) + "\n"
