"""Following an operation through outages, to its end or to a deadline."""

from __future__ import annotations

from typing import Any, Self, cast

import click
import pytest

from holdfast.cli import operate
from holdfast.cli.client import Unreachable
from holdfast.cli.follow import Picture, follow
from holdfast.core.errors import TimedOut, Transient

OPERATION = {"id": "op-1", "finished_at": None}


class ScriptedClient:
    """Answers, or raises, one thing after the other."""

    def __init__(self, *script: Any) -> None:
        self._script = list(script)
        self.asked: list[int] = []

    def get(self, *_path: str, after: int, **_more: Any) -> Any:
        self.asked.append(after)
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[bool, list[int]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def update(self, picture: Picture, steps: list[Any], lines: list[Any]) -> None:
        self.seen.append((picture.is_away, [step["seq"] for step in steps]))


def _events(cursor: int, *steps: int, end: str | None = None) -> dict[str, Any]:
    return {
        "operation": OPERATION | {"finished_at": end},
        "steps": [{"seq": seq} for seq in steps],
        "log": [],
        "cursor": cursor,
    }


def test_it_asks_after_the_cursor_and_sits_out_an_outage() -> None:
    client = ScriptedClient(
        _events(4, 1),
        Unreachable("away"),
        Transient("starting"),
        _events(6, 1, 2),
        _events(9, end="2026-05-01T00:00:00+00:00"),
    )
    view = Recorder()
    ended = follow(client, OPERATION, view, timeout_s=None)  # type: ignore[arg-type]
    assert ended["finished_at"]
    assert client.asked == [-1, 4, 4, 4, 6]
    assert view.seen == [
        (False, [1]),
        (True, []),
        (True, []),
        (False, [1, 2]),
        (False, []),
    ]


def test_a_deadline_leaves_the_operation_alone() -> None:
    with pytest.raises(TimedOut, match="op-1 has not ended after 0 s; it goes on"):
        follow(ScriptedClient(), OPERATION, Recorder(), timeout_s=0.0)  # type: ignore[arg-type]


class Interrupted(ScriptedClient):
    """Somebody presses Ctrl-C at the first question."""

    def __init__(self, *script: Any) -> None:
        super().__init__(KeyboardInterrupt(), *script)
        self.posted: list[tuple[str, ...]] = []

    def get(self, *path: str, after: int, **more: Any) -> Any:
        answer = self._script[0]
        if isinstance(answer, KeyboardInterrupt):
            self._script.pop(0)
            raise answer
        return super().get(*path, after=after, **more)

    def post(self, *path: str, **_more: Any) -> None:
        self.posted.append(path)


def test_an_interrupt_ends_what_is_to_be_undone_and_waits_for_that() -> None:
    ended = OPERATION | {"finished_at": "2026-05-01T00:00:00+00:00", "state": "cancelled"}
    events = {"operation": ended, "steps": [], "log": [], "cursor": 1}
    client = Interrupted(events)
    found = operate._watched(cast(Any, client), OPERATION, None, cancel=True)
    assert client.posted == [("operations", "op-1", "cancel")]
    assert found["state"] == "cancelled"


def test_an_interrupt_leaves_anything_else_to_go_on() -> None:
    client = Interrupted()
    with pytest.raises(click.exceptions.Exit):
        operate._watched(cast(Any, client), OPERATION, None, cancel=False)
    assert client.posted == []
