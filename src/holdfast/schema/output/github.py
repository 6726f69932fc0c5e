"""Workflow commands of GitHub Actions: annotations beside the lines of a pull request."""

from __future__ import annotations

from holdfast.core.finding import Finding, Severity
from holdfast.schema.checked import Checked
from holdfast.schema.output.facts import advice

_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}


def render(checked: Checked, *, effects: bool = False) -> str:
    """A line for each finding; effects have no place in annotations."""
    del effects
    return "".join(_command(one) for one in checked.findings)


def _command(finding: Finding) -> str:
    where = finding.location
    properties = {"title": finding.id}
    if where is not None:
        properties = {
            "file": where.file, "line": str(where.line), "col": str(where.column), **properties
        }  # fmt: skip
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = "\n".join(part for part in (finding.message, advice(finding)) if part)
    return f"::{_WORDS[finding.severity]} {shown}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
