"""Following an operation: ask for news, keep the picture, show it, until it ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from holdfast.cli.client import Client, Unreachable
from holdfast.core.change import Json
from holdfast.core.errors import TimedOut, Transient

_POLL_S = 20.0
_PATIENCE_S = 120.0
"""How long a control plane may be away while an operation is followed: it goes on by itself."""


@dataclass
class Picture:
    """What is known about one operation so far."""

    operation: Mapping[str, Json]
    steps: dict[int, Mapping[str, Json]] = field(default_factory=dict)
    lines: list[Mapping[str, Json]] = field(default_factory=list)
    is_away: bool = False

    def add(self, events: Mapping[str, Json]) -> tuple[list[Json], list[Json]]:
        """Take news in; the steps and lines that are new."""
        self.operation = events["operation"]
        self.steps.update({step["seq"]: step for step in events["steps"]})
        self.lines += events["log"]
        return list(events["steps"]), list(events["log"])


class View(Protocol):
    """How a picture is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...

    def update(self, picture: Picture, steps: list[Json], lines: list[Json]) -> None:
        """Something is new."""
        ...


def follow(
    client: Client, operation: Mapping[str, Json], view: View, *, timeout_s: float | None
) -> Mapping[str, Json]:
    """The operation once it has ended, shown while it goes on.

    A control plane that is away for a while is waited for. Raises `TimedOut` after `timeout_s`.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    picture = Picture(operation)
    cursor, away_since = -1, None
    with view:
        while True:
            wait_s = _POLL_S if deadline is None else min(_POLL_S, deadline - time.monotonic())
            if wait_s <= 0:
                raise _still_running(operation, timeout_s)
            try:
                events = client.get(
                    "operations", operation["id"], "events",
                    after=cursor, wait_s=wait_s, timeout_s=wait_s + 10,
                )  # fmt: skip
            except (Unreachable, Transient):
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > _PATIENCE_S:
                    raise
                picture.is_away = True
                view.update(picture, [], [])
                time.sleep(0.5)
                continue
            picture.is_away, away_since = False, None
            cursor = events["cursor"]
            view.update(picture, *picture.add(events))
            if picture.operation["finished_at"]:
                return picture.operation


def _still_running(operation: Mapping[str, Json], timeout_s: float | None) -> TimedOut:
    return TimedOut(
        f"operation {operation['id']} has not ended after {timeout_s:g} s; it goes on",
        subject=f"operation {operation['id']}",
        hint=f"rejoin it with `holdfast op watch {operation['id']}`",
    )
