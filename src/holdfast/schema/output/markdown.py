"""Markdown, for a comment on a merge request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.core.finding import Finding
from holdfast.core.render_findings import count_text
from holdfast.schema.checked import Checked
from holdfast.schema.output.facts import docs_of, safe_of, statement_json, why_of


def render(checked: Checked, *, effects: bool = False) -> str:
    """A section for each file."""
    files = f"{checked.files} file{'' if checked.files == 1 else 's'}"
    parts = [f"## Schema changes: {count_text(checked.findings)} in {files}\n"]
    last = None
    for finding in checked.findings:
        file = finding.location.file if finding.location else ""
        if file != last:
            parts.append(f"### {_text(file) or 'Everything'}\n")
            last = file
        parts.append("\n".join(_item(finding)) + "\n")
    if effects:
        parts += ["### Effects\n", "\n".join(_effects(checked)) + "\n"]
    return "\n".join(parts)


def _item(finding: Finding) -> Iterator[str]:
    where = f"line {finding.location.line}: " if finding.location else ""
    rule = f"[`{finding.id}`]({docs_of(finding)})" if docs_of(finding) else f"`{finding.id}`"
    yield f"- **{finding.severity}**, {where}{_text(finding.message)} ({rule})"
    if why := why_of(finding):
        yield f"  {_text(why)}"
    if safe := safe_of(finding):
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", safe)), default=0))
        yield from ("", f"  {fence}sql", *(f"  {line}" for line in safe.splitlines()), f"  {fence}")
    elif finding.hint:
        yield f"  {_text(finding.hint)}"


def _effects(checked: Checked) -> Iterator[str]:
    yield "| statement | locks | rewrites | scans | builds | error |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for one in checked.statements:
        does = statement_json(one)["effects"]
        locks = ", ".join(f"{lock['mode']} on {lock['relation']}" for lock in does["locks"])
        cells = [
            f"{one.path}:{one.line}", locks,
            *(", ".join(does[name]) for name in ("rewrites", "scans", "builds")),
            does["error"] or "",
        ]  # fmt: skip
        yield f"| {' | '.join(_text(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _text(text: str) -> str:
    """On one line, without anything that Markdown or HTML would take for its own."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", flat)
