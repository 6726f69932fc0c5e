"""A drill's report for people: Markdown with a chart of characters, or an HTML page with a drawing.

`record` is what the evidence of a run holds: `measured` as `drill_record` makes it, with `id`,
`at`, `database`, `verdict`, `reasons` and `operation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

from holdfast.core.units import show_duration
from holdfast.recovery.drill import Drill

Record: TypeAlias = Mapping[str, Any]

_MARKS = {"proven": "✓", "failed": "✗", "unproven": "?"}
_WORDS = {
    "fault": "fault",
    "undone": "fault undone",
    "released": "leader's key released",
    "taken": "leader's key taken",
    "writable": "takes writes",
}
_BARS = " ▁▂▃▄▅▆▇█"
_SLOT_S = 0.1
_ROW = 50
"""Slots in a line of the chart: five seconds."""


def markdown(record: Record, drill: Drill) -> str:
    """The report as Markdown."""
    measured = record["measured"]
    parts = [
        f"# {record['database']}: {drill.id}, {record['verdict']}\n",
        f"{drill.title}.\n",
        _table(("", ""), _facts(record)),
        "## Checks\n",
        _table(
            ("", "check", "what was seen"),
            [(_MARKS[each["verdict"]], each["id"], each["detail"]) for each in measured["checks"]],
        ),
    ]
    if "moments" in measured:
        parts += [
            "## Timeline\n",
            _table(("second", "what", "who"), _moments(measured)),
            "## Where the time went\n",
            _table(
                ("endpoint", "no writes", "detect", "elect", "promote", "route"), _gaps(measured)
            ),
            "## Acknowledged writes per 100 ms\n",
            *(f"{name}:\n\n```text\n{chart(measured, name)}```\n" for name in _endpoints(measured)),
        ]
    return "\n".join(parts)


def chart(measured: Record, endpoint: str) -> str:
    """Bars of characters, five seconds a line; the fault is at second 0."""
    slots: Sequence[int] = measured["per_100_ms"][endpoint]
    most = max((*slots, 1))
    lines = []
    for begin in range(0, len(slots), _ROW):
        bars = "".join(
            _BARS[0] if not count else _BARS[max(1, round(count / most * (len(_BARS) - 1)))]
            for count in slots[begin : begin + _ROW]
        )
        second = measured["per_100_ms_from_s"] + begin * _SLOT_S
        lines.append(f"{second:6.1f} s |{bars:<{_ROW}}|\n")
    return "".join(lines) + f"{'':9} full bar: {most} writes\n"


def html(record: Record, drill: Drill) -> str:
    """The report as one page that needs nothing else."""
    measured = record["measured"]
    parts = [
        (
            f"<h1>{escape(record['database'])}: {drill.id} "
            f"<span class='{record['verdict']}'>{record['verdict']}</span></h1>"
        ),
        f"<p>{escape(drill.title)}.</p>",
        _html_table((), _facts(record)),
        "<h2>Checks</h2>",
        _html_table(
            ("", "check", "what was seen"),
            [(_MARKS[each["verdict"]], each["id"], each["detail"]) for each in measured["checks"]],
        ),
    ]
    if "moments" in measured:
        parts += [
            "<h2>Acknowledged writes per 100 ms</h2>",
            *(svg(measured, name) for name in _endpoints(measured)),
            "<h2>Timeline</h2>",
            _html_table(("second", "what", "who"), _moments(measured)),
            "<h2>Where the time went</h2>",
            _html_table(
                ("endpoint", "no writes", "detect", "elect", "promote", "route"), _gaps(measured)
            ),
        ]
    title = escape(f"{record['database']}: {drill.id}")
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;"
    "border-bottom:1px solid #ddd}.proven{color:#17722e}.failed{color:#b3261e}"
    ".unproven{color:#8a5a00}svg{display:block;margin:.5em 0}"
)
_WIDTH, _HEIGHT = 860, 120


def svg(measured: Record, endpoint: str) -> str:
    """One endpoint's writes as bars, with a line at each moment of the timeline."""
    slots: Sequence[int] = measured["per_100_ms"][endpoint]
    most, step = max((*slots, 1)), _WIDTH / max(1, len(slots))
    bars = "".join(
        f"<rect x='{k * step:.2f}' y='{_HEIGHT - count / most * _HEIGHT:.1f}' "
        f"width='{step * 0.9:.2f}' height='{count / most * _HEIGHT:.1f}' fill='#3b6ea8'/>"
        for k, count in enumerate(slots)
        if count
    )
    begin_s = measured["per_100_ms_from_s"]
    marks = "".join(
        f"<line x1='{x:.1f}' x2='{x:.1f}' y1='0' y2='{_HEIGHT}' "
        f"stroke='{'#b3261e' if each['what'] == 'fault' else '#888'}'>"
        f"<title>{escape(_moment(each))}</title></line>"
        for each in measured["moments"]
        if 0 <= (x := (each["at_s"] - begin_s) / _SLOT_S * step) <= _WIDTH
    )
    end_s = begin_s + len(slots) * _SLOT_S
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT + 20}' width='100%' role='img' "
        f"aria-label='acknowledged writes on the {escape(endpoint)} endpoint'>{bars}{marks}"
        f"<text x='0' y='{_HEIGHT + 15}' font-size='12'>{escape(endpoint)}: {begin_s:g} s to "
        f"{end_s:.1f} s, at most {most} in 100 ms</text></svg>"
    )


def _facts(record: Record) -> list[tuple[str, str]]:
    measured = record["measured"]
    rows = [
        ("verdict", record["verdict"]),
        ("tier", str(measured.get("tier", ""))),
        ("at", str(record["at"])),
        ("operation", str(record.get("operation", ""))),
        ("evidence", str(record["id"])),
        ("seed and load", f"{measured.get('seed')}, {measured.get('load')}"),
    ]
    for name, said in (("consent", "consent"), ("forced", "forced because")):
        if measured.get(name):
            rows.append((said, str(measured[name])))
    if "acknowledged" in measured:
        rows += [
            (
                "writes",
                (
                    f"{measured['acknowledged']} acknowledged, {measured['failed']} failed, "
                    f"{measured['unknown']} unknown, {measured['unknown_present']} of them there"
                ),
            ),
            ("lost", str(measured["lost"])),
        ]
        rows += [
            (
                f"timeline {each['from']} to {each['to']}",
                f"{show_duration(each['gap_s'])} from the last row of one to the first of the next",
            )
            for each in measured["timelines"]
        ]
        if measured["redundant_after_s"] is not None:
            rows.append(("all nodes back", show_duration(measured["redundant_after_s"])))
    return rows


def _endpoints(measured: Record) -> list[str]:
    """In the order in which they are spoken of: a database keeps keys in an order of its own."""
    known = ("direct", "pooled", "new")
    return sorted(measured["gap_s"], key=lambda name: known.index(name) if name in known else 9)


def _moment(moment: Mapping[str, Any]) -> str:
    return f"{moment['at_s']:.2f} s: {_WORDS[moment['what']]} {moment['who']}".strip()


def _moments(measured: Record) -> list[tuple[str, str, str]]:
    return [
        (f"{each['at_s']:.2f}", _WORDS[each["what"]], each["who"]) for each in measured["moments"]
    ]


def _gaps(measured: Record) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _time(measured["gap_s"][name]),
            *(
                _time(measured["phases"][name][part])
                for part in ("detect", "elect", "promote", "route")
            ),
        )
        for name in _endpoints(measured)
    ]


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else show_duration(max(0.0, seconds))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _html_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
