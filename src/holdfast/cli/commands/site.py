"""`up`, `down`, `status`: the platform on this machine. They work without the API."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import click

from holdfast.app import site, site_certificates
from holdfast.app.site import Part, Step
from holdfast.cli import exit_codes, options
from holdfast.cli import output as printing
from holdfast.cli.client import connect
from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.core.render_findings import render_text
from holdfast.core.units import show_duration
from holdfast.providers.settings import Settings

if TYPE_CHECKING:
    from rich.status import Status


@click.command(
    epilog="""\b
Examples:
  holdfast up
  holdfast up --home /srv/holdfast
"""
)
@options.home
def up(where: Settings) -> None:
    """Start the platform on this machine.

    The first time it makes everything that is needed; after a crash it starts what is dead. It
    may be repeated at any time.
    """
    with _Steps() as steps:
        made = asyncio.run(site.up(where, progress=steps.show))
    printing.note(f"the platform is up at {made.api_url}")
    printing.note("  next: holdfast apply FILE, or holdfast status")


@click.command(
    epilog="""\b
Examples:
  holdfast down
"""
)
@options.home
def down(where: Settings) -> None:
    """Stop everything that `up` started.

    Data stay where they are; `holdfast up` starts all of it again.
    """
    with _Steps() as steps:
        notes = asyncio.run(site.down(where, progress=steps.show))
    for text in notes:
        printing.note(text)
    printing.note("the platform is down; its data stay in " + str(where.home))


@click.command(
    epilog="""\b
Examples:
  holdfast status
  holdfast status -o json
"""
)
@options.output
@options.home
def status(output: str, where: Settings) -> None:
    """Show every part of the platform.

    Exits with 1 when any part is not healthy, with 7 when there is no platform. A certificate file
    that ends within 30 days, or is no plain file, is a warning.
    """
    parts = asyncio.run(site.status(where))
    soon = site_certificates.ending(where, datetime.now(UTC))
    rows = [_row(part, people=output == "table") for part in parts]
    fields = ("name", "state", "health", "pid", "uptime", "detail")
    printing.show(rows, output, columns={field: field for field in fields})
    click.echo(render_text(soon), err=True, nl=False)
    if output == "table":
        _tell_alarms(where)
    if not all(part.healthy for part in parts):
        raise click.exceptions.Exit(exit_codes.FAILED)


def _tell_alarms(where: Settings) -> None:
    """What is wrong with databases, where the control plane can tell."""
    try:
        found = connect(where).get("alarms", timeout_s=5.0)
    except Error:
        return
    for alarm in found:
        printing.note(f"{alarm['severity']}: {alarm['database']}: {alarm['message']}")


def _row(part: Part, *, people: bool) -> dict[str, Json]:
    if not people:
        return {
            "name": part.name,
            "state": part.state,
            "healthy": part.healthy,
            "pid": part.pid,
            "uptime_s": part.uptime_s,
            "detail": part.detail,
        }
    return {
        "name": part.name,
        "state": part.state,
        "health": "ok" if part.healthy else "BAD",
        "pid": part.pid,
        "uptime": "" if part.uptime_s is None else printing.rough(part.uptime_s),
        "detail": part.detail,
    }


class _Steps:
    """Shows the steps of `up` and `down`: a spinner on a terminal, a line each elsewhere."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._begun: list[str] = []

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status("")
            self._status.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, step: Step) -> None:
        """One step began or ended."""
        if step.state == "started":
            self._begun.append(step.name)
        else:
            self._begun.remove(step.name)
            self._print(step)
        if self._status is not None:
            self._status.update(", ".join(self._begun))

    def _print(self, step: Step) -> None:
        took = show_duration(step.seconds)
        if self._status is not None:
            mark = "[green]✓[/]" if step.state == "done" else "[red]✗[/]"
            self._status.console.print(f"  {mark} {step.name}  [dim]{took}[/]")
        else:
            printing.note(f"{step.state:>9}  {step.name} ({took})")
