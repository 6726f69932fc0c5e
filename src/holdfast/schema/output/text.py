"""For people: the place, the line with a caret, why it matters, and the safe form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Finding
from holdfast.core.render_findings import count_text, excerpt, plain
from holdfast.schema.checked import Checked
from holdfast.schema.output.facts import docs_of, safe_of, why_of
from holdfast.schema.report import StatementReport

_WIDTH = 98


def render(checked: Checked, *, effects: bool = False) -> str:
    """A paragraph for each finding, and a last line that counts them.

    Why a rule is one is said with its first finding only.
    """
    lines = {name: text.splitlines() for name, text in _sources(checked).items()}
    told: set[str] = set()
    parts = []
    for finding in checked.findings:
        parts.append("\n".join(_paragraph(finding, lines, told)) + "\n")
        told.add(finding.id)
    if effects:
        parts += [_effects(one) for one in checked.statements]
    parts.append(_summary(checked))
    return plain("\n".join(parts))


def _sources(checked: Checked) -> dict[str, str]:
    wanted = {one.location.file for one in checked.findings if one.location}
    return {name: text for name, text in checked.sources.items() if name in wanted}


def _paragraph(finding: Finding, lines: dict[str, list[str]], told: set[str]) -> Iterator[str]:
    where = finding.location
    head = f"{finding.severity}: {finding.message} [{finding.id}]"
    if where is None:
        yield f"{finding.subject}: {head}" if finding.subject else head
    else:
        yield f"{where}: {head}"
        yield from excerpt(where, lines.get(where.file, ()))
        if where.path:
            yield f"  in: {where.path}"
    safe = safe_of(finding)
    if finding.id not in told and (why := why_of(finding)):
        yield from _wrapped("why: ", why)
    if safe:
        yield "  safe:"
        yield from (f"      {line}" for line in safe.splitlines())
    elif finding.hint:
        yield from _wrapped("hint: ", finding.hint)
    if finding.id not in told and (docs := docs_of(finding)):
        yield f"  docs: {docs}"


def _wrapped(label: str, text: str) -> Iterator[str]:
    line = f"  {label}"
    for word in text.split():
        if len(line) + len(word) >= _WIDTH and line.strip():
            yield line.rstrip()
            line = "    "
        line += f"{word} "
    yield line.rstrip()


def _effects(one: StatementReport) -> str:
    does = one.effects
    first = one.sql.strip().partition("\n")[0][:_WIDTH]
    rows = [
        *(f"{lock.mode} on {lock.relation}" for lock in does.locks),
        *(f"rewrites {name}" for name in does.rewrites),
        *(f"scans {name}" for name in does.scans),
        *(f"builds {name}" for name in does.builds),
        *([f"fails: {does.error}"] if does.error else []),
        *(f"loses: {each}" for each in does.loses),
        *(f"breaks: {each}" for each in does.breaks),
        *(f"unseen: {each}" for each in does.unseen),
    ]
    shown = [f"{one.path}:{one.line}: {first}", *(f"  {row}" for row in rows or ("nothing",))]
    return "\n".join(shown) + "\n"


def _summary(checked: Checked) -> str:
    said = [f"{count_text(checked.findings)} in {_number(checked.files, 'file')}"]
    if checked.ignored:
        said.append(f"{checked.ignored} ignored by comments")
    if checked.known:
        said.append(f"{checked.known} in the baseline")
    lines = ["; ".join(said)]
    if checked.unknown and checked.findings:
        lines.append(f"not known: {_list(checked.unknown)} (--schema or --database would tell)")
    return "\n".join(lines) + "\n"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _list(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
