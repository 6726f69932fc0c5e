"""Printing data: a table for people, JSON or YAML for machines, names for scripts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

from holdfast.core.change import Json
from holdfast.core.units import show_duration


def show(
    data: Json, how: str, *, columns: Mapping[str, str] | None = None, name: str = "name"
) -> None:
    """Print an object or a list of them as `how` says.

    `columns` are the headings of a table by field; cells are texts already.
    """
    rows = data if isinstance(data, list) else [data]
    if how == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif how == "yaml":
        click.echo(_yaml(data), nl=False)
    elif how == "name":
        for row in rows:
            click.echo(row[name])
    elif columns is not None:
        click.echo(
            table([[row.get(field) for field in columns] for row in rows], [*columns.values()]),
            nl=False,
        )


def table(rows: Sequence[Sequence[Json]], headings: Sequence[str]) -> str:
    """Columns as wide as their widest cell, two spaces apart; numbers stand to the right."""
    cells = [["-" if cell in (None, "") else str(cell) for cell in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[k], int | float) or row[k] is None for row in rows)
        for k in range(len(headings))
    ]
    widths = [max(len(row[k]) for row in [list(headings), *cells]) for k in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        return "  ".join(padded).rstrip() + "\n"

    return line([heading.upper() for heading in headings]) + "".join(line(row) for row in cells)


def age(moment: str | None, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 moment was, in one or two units; empty for None."""
    if moment is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    return rough(seconds) if seconds >= 1 else "now"


def ahead(moment: str | None, now: datetime | None = None) -> str:
    """How long until an ISO 8601 moment: `in 2 h 10 min`, `now`; empty for None."""
    if moment is None:
        return ""
    seconds = (datetime.fromisoformat(moment) - (now or datetime.now(UTC))).total_seconds()
    return f"in {rough(seconds)}" if seconds >= 1 else "now"


def rough(seconds: float) -> str:
    """A duration to whole seconds: `5 s`, `2 min 5 s`."""
    return f"{seconds:.0f} s" if seconds < 59.5 else show_duration(round(seconds))


def took(begin: str | None, end: str | None) -> str:
    """How long something took; empty while it has not ended."""
    if begin is None or end is None:
        return ""
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    return show_duration(max(0.0, seconds))  # the clock may have been set back meanwhile


_COLOURS = {"+": "green", "~": "yellow", "-": "red", "==>": "cyan"}
"""By the mark that a line begins with."""


def paint(text: str, *, err: bool = False) -> None:
    """Print text whose lines begin with marks, in colour where a person is looking."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        click.echo(text, nl=False, err=err)
        return
    for line in text.splitlines():
        colour = _COLOURS.get(line.strip().partition(" ")[0])
        click.secho(line, fg=colour, err=err)


def note(text: str) -> None:
    """Say something that is not data."""
    click.echo(text, err=True)


def is_terminal() -> bool:
    """Whether a person is looking at stderr."""
    return sys.stderr.isatty()


def _yaml(data: Json) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
