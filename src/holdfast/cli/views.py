"""The two ways to show an operation: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from holdfast.cli.follow import Picture, View
from holdfast.cli.output import note, rough
from holdfast.core.change import Json
from holdfast.core.units import show_duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_SHOWN_ENDED = 6
"""How many ended steps stay in sight while others run."""

_ENDED = ("succeeded", "failed", "cancelled")


def view(*, plain: bool = False) -> View:
    """The live display when a person is looking at stderr, else plain lines."""
    return PlainView() if plain or not sys.stderr.isatty() else LiveView()


def step_seconds(step: Json, now: datetime | None = None) -> float | None:
    """How long a step has taken; None before it starts."""
    if step["started_at"] is None:
        return None
    end = (
        datetime.fromisoformat(step["finished_at"])
        if step["finished_at"]
        else now or datetime.now(UTC)
    )
    return max(0.0, (end - datetime.fromisoformat(step["started_at"])).total_seconds())


def step_line(step: Json) -> str | None:
    """A line when a step ends or has to be done again; None for what is no news."""
    took_s = step_seconds(step)
    if step["state"] in _ENDED and took_s is not None:
        why = step["detail"].get("error", "")
        tail = f": {why}" if why else ""
        return f"{step['state']:>9}  {step['name']} ({show_duration(took_s)}){tail}"
    if step["state"] == "running" and step["attempts"] > 1:
        return f"    again  {step['name']} (it was interrupted)"
    return None


def progress_text(step: Json) -> str:
    """`45 % of rows copied`, `3 rows copied` or nothing."""
    progress = step["detail"].get("progress")
    if not progress or step["state"] != "running":
        return ""
    text = progress["text"]
    if progress["total"]:
        share = 100 * progress["done"] / progress["total"]
        return f"{share:.0f} % {text}".rstrip()
    return f"{progress['done']:g} {text}".rstrip()


class PlainView:
    """A line for each step that ends and for each line of the log. Stateless but for outages."""

    def __init__(self) -> None:
        self._away = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def update(self, picture: Picture, steps: list[Json], lines: list[Json]) -> None:
        """Print what is new."""
        if picture.is_away and not self._away:
            note("the control plane does not answer; waiting for it, the operation goes on")
        self._away = picture.is_away
        for line in lines:
            if line["level"] != "debug" and not _is_step_error(line, picture):
                note(f"{'log':>9}  {line['text']}")
        for step in steps:
            text = step_line(step)
            if text is not None:
                note(text)


class LiveView:
    """What runs, with a spinner and its time; above it the last steps that ended."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._live: Live | None = None
        self._picture: Picture | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        self._console = self._console or Console(stderr=True, highlight=False)
        self._live = Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=8,
            transient=True,
        )
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        assert self._live is not None
        assert self._console is not None
        self._live.__exit__(None, None, None)
        if self._picture is None:
            return
        for step in sorted(self._picture.steps.values(), key=_by_end):
            text = step_line(step)
            if text is not None and step["state"] in ("failed", "cancelled"):
                self._console.print(text, style="red", markup=False)
        if self._picture.operation["state"] == "succeeded":
            self._console.print(f"✓ {_summary(self._picture)}", style="green", markup=False)

    def update(self, picture: Picture, steps: list[Json], lines: list[Json]) -> None:
        """Keep the picture; warnings stay on the screen, above the display."""
        self._picture = picture
        assert self._console is not None
        for line in lines:
            if line["level"] == "warning":
                self._console.print(f"  {line['text']}", style="yellow", markup=False)

    def render(self) -> RenderableType:
        """The display as it is now."""
        from rich.console import Group
        from rich.text import Text

        picture = self._picture
        if picture is None:
            return Text("waiting for the control plane")
        return Group(_headline(picture), *_ended(picture), *_running(picture))


def _summary(picture: Picture) -> str:
    """`apply orders: 69 steps in 10.9 s`."""
    operation = picture.operation
    subject = f" {operation['database']}" if operation["database"] else ""
    took = show_duration(step_seconds(operation) or 0.0)
    count = len(picture.steps)
    return f"{operation['kind']}{subject}: {count} step{'' if count == 1 else 's'} in {took}"


def _headline(picture: Picture) -> RenderableType:
    from rich.text import Text

    operation = picture.operation
    begun = operation["started_at"] or operation["created_at"]
    elapsed_s = (datetime.now(UTC) - datetime.fromisoformat(begun)).total_seconds()
    ended = sum(step["state"] in _ENDED for step in picture.steps.values())
    subject = f" {operation['database']}" if operation["database"] else ""
    text = Text()
    text.append(f"{operation['kind']}{subject}", style="bold")
    text.append(f"  {operation['id']}  ", style="dim")
    if operation["state"] == "queued":
        text.append("waits for the operation before it", style="yellow")
    else:
        text.append(f"{ended} of {len(picture.steps)} steps, {rough(max(0.0, elapsed_s))}")
    if operation["cancel_requested"]:
        text.append("  stops after this step", style="yellow")
    if picture.is_away:
        text.append("  the control plane does not answer; waiting", style="yellow")
    return text


def _ended(picture: Picture) -> list[RenderableType]:
    from rich.text import Text

    ended = [step for step in picture.steps.values() if step["state"] in _ENDED]
    shown: list[RenderableType] = []
    for step in sorted(ended, key=_by_end)[-_SHOWN_ENDED:]:
        mark, style = ("✓", "green") if step["state"] == "succeeded" else ("✗", "red")
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"  {mark} ", style=style)
        text.append(step["name"])
        text.append(f"  {show_duration(step_seconds(step) or 0.0)}", style="dim")
        shown.append(text)
    return shown


def _running(picture: Picture) -> list[RenderableType]:
    from rich.spinner import Spinner
    from rich.text import Text

    shown: list[RenderableType] = []
    for step in picture.steps.values():
        if step["state"] != "running":
            continue
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(step["name"])
        text.append(f"  {show_duration(step_seconds(step) or 0.0)}", style="dim")
        far = progress_text(step)
        if far:
            text.append(f"  {far}", style="cyan")
        shown.append(_spin(Spinner("dots", text)))
    return shown


def _spin(spinner: RenderableType) -> RenderableType:
    from rich.padding import Padding

    return Padding(spinner, (0, 0, 0, 2))


def _by_end(step: Json) -> str:
    return str(step["finished_at"] or "")


def _is_step_error(line: Json, picture: Picture) -> bool:
    """Whether a step's own line says the same."""
    step = picture.steps.get(line["step"] or 0)
    return line["level"] == "error" and step is not None
