"""Telling a story on a terminal: headings, commands, what runs, how it ended.

`RichStage` is for people who look at a terminal, `PlainStage` for logs and pipes.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import click

from holdfast.cli import output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

_MARKS = {"proven": "✓", "failed": "✗", "unproven": "?"}
_STYLES = {"proven": "green", "failed": "red", "unproven": "yellow"}


class Stage(Protocol):
    """Where a story is told."""

    def heading(self, text: str) -> None:
        """A new chapter."""
        ...

    def say(self, text: str = "") -> None:
        """A line of prose, or lines of it."""
        ...

    def command(self, text: str) -> None:
        """A command as a person would type it; it runs from now on."""
        ...

    def news(self, text: str) -> None:
        """What the command that runs is at."""
        ...

    def done(self, text: str, *, ok: bool = True) -> None:
        """The command has ended; what came of it, in a line or more."""
        ...

    def verdicts(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """A table of promises: statement, target, measured, verdict."""
        ...


class PlainStage:
    """A line for everything but the news."""

    def heading(self, text: str) -> None:
        """See `Stage`."""
        click.echo(f"\n== {text}")

    def say(self, text: str = "") -> None:
        """See `Stage`."""
        click.echo(text)

    def command(self, text: str) -> None:
        """See `Stage`."""
        click.echo(f"$ {text}")

    def news(self, text: str) -> None:
        """See `Stage`."""

    def done(self, text: str, *, ok: bool = True) -> None:
        """See `Stage`."""
        first, *more = text.splitlines()
        click.echo(f"  {'ok' if ok else 'FAILED'}: {first}")
        for line in more:
            click.echo(f"      {line}")

    def verdicts(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """See `Stage`."""
        click.echo(output.table(rows, ["promise", "target", "measured", "verdict"]), nl=False)


_STEP = re.compile(r"(?:succeeded|done)  (.+) \([^()]+\)")
"""How the commands say, where nobody looks at a terminal, that a step has ended."""


@dataclass
class _Running:
    """The line of a command that runs: read anew with each turn of the spinner."""

    begun_s: float
    step: str = ""
    steps: int = 0

    def __rich__(self) -> Text:
        from rich.text import Text

        line = Text(f"{time.monotonic() - self.begun_s:.0f} s", no_wrap=True, overflow="ellipsis")
        if self.steps:
            line.append(f"  {self.steps} steps  ", style="dim")
            line.append(self.step, style="dim")
        return line


class RichStage:
    """Colour, and a spinner while a command runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._running: _Running | None = None

    def heading(self, text: str) -> None:
        """See `Stage`."""
        self._console.print()
        self._console.print(text, style="bold", markup=False)

    def say(self, text: str = "") -> None:
        """See `Stage`."""
        self._console.print(text, markup=False)

    def command(self, text: str) -> None:
        """See `Stage`."""
        from rich.text import Text

        self._console.print(Text.assemble(("  $ ", "dim"), (text, "cyan")), soft_wrap=True)
        self._running = _Running(time.monotonic())
        self._status = self._console.status(self._running, spinner_style="cyan")
        self._status.start()

    def news(self, text: str) -> None:
        """See `Stage`."""
        step = _STEP.fullmatch(text)
        if step is not None and self._running is not None:
            self._running.step = step[1]
            self._running.steps += 1

    def done(self, text: str, *, ok: bool = True) -> None:
        """See `Stage`."""
        from rich.text import Text

        if self._status is not None:
            self._status.stop()
            self._status = None
        mark = ("  ✓ ", "green") if ok else ("  ✗ ", "red")
        first, *more = text.splitlines()
        self._console.print(Text.assemble(mark, first))
        for line in more:
            self._console.print(f"    {line}", markup=False)

    def verdicts(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """See `Stage`."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
        for name in ("", "promise", "target", "measured"):
            table.add_column(name)
        for statement, target, measured, verdict in rows:
            mark = Text(_MARKS[verdict], style=_STYLES[verdict])
            table.add_row(mark, statement, target, Text(measured, style="bold"))
        self._console.print(table)


def stage() -> Stage:
    """The stage for whoever looks at standard output."""
    if not sys.stdout.isatty():
        return PlainStage()
    from rich.console import Console

    return RichStage(Console(highlight=False))
