"""SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

from holdfast import __version__
from holdfast.core.change import Json
from holdfast.core.finding import Finding, Severity
from holdfast.schema.checked import Checked
from holdfast.schema.output.facts import advice, docs_of, statement_json, why_of

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def render(checked: Checked, *, effects: bool = False) -> str:
    """One run; effects are properties of it."""
    first = {one.id: one for one in reversed(checked.findings)}
    names = sorted(first)
    run: dict[str, Json] = {
        "tool": {
            "driver": {
                "name": "holdfast",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(first[name], checked.titles.get(name, name)) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, names.index(one.id)) for one in checked.findings],
    }
    if effects:
        run["properties"] = {"statements": [statement_json(one) for one in checked.statements]}
    data = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _rule(finding: Finding, title: str) -> Json:
    rule = {
        "id": finding.id,
        "shortDescription": {"text": title},
        "fullDescription": {"text": why_of(finding) or title},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
    }
    if docs := docs_of(finding):
        # A place in this repository is no URI that a viewer of reports could open.
        rule["help"] = {"text": f"see {docs}, or run: holdfast check --explain {finding.id}"}
    return rule


def _result(finding: Finding, index: int) -> Json:
    text = finding.message
    if more := advice(finding):
        text += f"\n\n{more}"
    where = finding.location
    result: dict[str, Json] = {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "partialFingerprints": {"holdfast/v1": _print(finding)},
    }
    if where is not None:
        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(where.file)},
                    "region": {"startLine": where.line, "startColumn": where.column},
                }
            }
        ]
    return result


def _print(finding: Finding) -> str:
    """The same for the same finding in another run."""
    file = finding.location.file if finding.location else ""
    text = f"{finding.id}\0{file}\0{finding.subject}\0{finding.message}"
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
