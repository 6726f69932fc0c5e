"""Plans, tables, errors and progress, as people see them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from holdfast.cli import output
from holdfast.cli.commands.connect import without_password
from holdfast.cli.follow import Picture
from holdfast.cli.plan_text import plan_text
from holdfast.cli.views import LiveView, PlainView, progress_text, step_line
from holdfast.cli.words import error_text
from holdfast.core.change import Action, Change, Disruption, Plan
from holdfast.core.errors import Invalid, NotFound
from holdfast.core.finding import Finding, Location, Severity

Golden = Callable[[str, str], None]


def _change(action: Action, kind: str, target: str, **more: Any) -> Change:
    more.setdefault("before", None if action is Action.CREATE else {})
    more.setdefault("after", None if action is Action.DELETE else {})
    return Change(id=f"{action} {target}", kind=kind, action=action, target=target, **more)


PLAN = Plan(
    "orders",
    (
        _change(Action.CREATE, "role", "role/orders_rw", reason="writes for the application"),
        _change(Action.CREATE, "role", "role/orders_ro", reason="reads for everybody else"),
        _change(
            Action.UPDATE,
            "configuration",
            "configuration",
            before={"parameters": {"work_mem": "4MB", "jit": "on"}, "ttl": 30, "gone": True},
            after={"parameters": {"work_mem": "8MB", "jit": "on"}, "ttl": 20, "new": "x" * 80},
            disruption=Disruption.RELOAD,
            reason="tier-0, size xs",
        ),
        _change(
            Action.UPDATE,
            "files",
            "node/1/files",
            before={"pg_hba.conf": "local all\nhost all trust\n"},
            after={"pg_hba.conf": "local all\nhostssl all scram-sha-256\n"},
            disruption=Disruption.RESTART,
            reason="rendered from the document",
        ),
        _change(
            Action.DELETE,
            "member",
            "node/3/member",
            disruption=Disruption.REPLACE,
            reason="two nodes are wanted",
            undo="raise replicas to 3 again",
        ),
    ),
)


def test_of_a_long_list_only_what_differs_is_shown() -> None:
    rules = [f"hostssl all all 10.0.{number}.0/24 scram-sha-256" for number in range(20)]
    change = Change(
        "update configuration",
        "configuration",
        Action.UPDATE,
        "configuration",
        {"pg_hba": ["host all all 0.0.0.0/0 trust", *rules]},
        {"pg_hba": rules},
    )
    text = plan_text(Plan("orders", (change,)))
    assert "pg_hba:" in text
    assert "-host all all 0.0.0.0/0 trust" in text
    assert "10.0.3.0" not in text


def test_a_plan(golden: Golden) -> None:
    golden("plan.txt", plan_text(PLAN))


def test_an_empty_plan() -> None:
    assert plan_text(Plan("orders", ())) == "orders: no changes\n"


def test_a_table_is_as_wide_as_its_cells() -> None:
    rows = [["orders", 3, None], ["x", 12, ""]]
    assert output.table(rows, ["name", "nodes", "leader"]) == (
        "NAME    NODES  LEADER\norders      3  -\nx          12  -\n"
    )
    assert output.table([], ["name"]) == "NAME\n"


@pytest.mark.parametrize(
    ("ago", "text"),
    [(0, "now"), (5, "5 s"), (3700, "1 h 1 min"), (-30, "now")],
)
def test_ages(ago: int, text: str) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert output.age((now - timedelta(seconds=ago)).isoformat(), now) == text


def test_nothing_takes_less_than_no_time_although_the_clock_was_set_back() -> None:
    begin, end = "2026-05-01T12:00:05+00:00", "2026-05-01T12:00:00+00:00"
    assert output.took(begin, end) == "0 ms"
    assert output.took(end, begin) == "5.0 s"


@pytest.mark.parametrize("how", ["json", "yaml", "name"])
def test_data_for_machines(how: str, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    data = [{"name": "orders", "nodes": [{"address": "127.0.0.1", "lag": None}], "note": "für"}]
    output.show(data, how)
    golden(f"show.{how}", capsys.readouterr().out)


def test_errors_in_words(golden: Golden) -> None:
    where = Location("orders.yaml", 2, 7, "tier")
    finding = Finding("x", Severity.ERROR, "orders", "no tier 'teir-0'", "use tier-0", where)
    texts = [
        error_text(NotFound("there is no database 'x'", hint="list them")),
        error_text(NotFound("there is no database 'x'")),
        error_text(Invalid("the document is wrong", [finding]), {"orders.yaml": "a\ntier: teir-0"}),
    ]
    golden("errors.txt", "\n".join(texts))


def test_a_uri_without_its_password() -> None:
    bare, line = without_password(
        "postgresql://orders_app_a:p%3Aa%5Css%40@10.0.0.1:5432,10.0.0.2:5432/orders?sslmode=x"
    )
    assert bare == "postgresql://orders_app_a@10.0.0.1:5432,10.0.0.2:5432/orders?sslmode=x"
    assert line == "*:*:*:orders_app_a:p\\:a\\\\ss@\n"


NOW = datetime.now(UTC)


def _step(seq: int, name: str, state: str, took_s: float = 2.0, **more: Any) -> dict[str, Any]:
    begun = (NOW - timedelta(seconds=took_s)).isoformat()
    ended = None if state in ("running", "pending") else NOW.isoformat()
    return {
        "seq": seq,
        "name": name,
        "state": state,
        "started_at": None if state == "pending" else begun,
        "finished_at": ended,
        "attempts": 1,
        "detail": {},
        **more,
    }


def _picture() -> Picture:
    picture = Picture(
        {
            "id": "op-7k2m9qwd4",
            "kind": "apply",
            "database": "orders",
            "state": "running",
            "created_at": NOW.isoformat(),
            "started_at": (NOW - timedelta(seconds=12)).isoformat(),
            "finished_at": None,
            "cancel_requested": False,
        }
    )
    steps = [
        _step(1, "create leader", "succeeded", 3.25),
        _step(2, "copy", "running", detail={"progress": {"done": 1, "total": 4, "text": "rows"}}),
        _step(3, "join", "running", attempts=2),
        _step(4, "back up", "pending"),
        _step(5, "break", "failed", 0.5, detail={"error": "it broke"}),
    ]
    picture.steps = {step["seq"]: step for step in steps}
    return picture


def test_lines_of_steps() -> None:
    steps = _picture().steps
    assert [step_line(steps[seq]) for seq in range(1, 6)] == [
        "succeeded  create leader (3.2 s)",
        None,
        "    again  join (it was interrupted)",
        None,
        "   failed  break (500 ms): it broke",
    ]
    assert progress_text(steps[2]) == "25 % rows"
    assert progress_text(_step(1, "x", "running")) == ""


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    picture = _picture()
    lines = [
        {"seq": 1, "level": "info", "text": "copying", "step": 2},
        {"seq": 2, "level": "debug", "text": "a traceback", "step": 5},
        {"seq": 3, "level": "error", "text": "it broke", "step": 5},
    ]
    with PlainView() as view:
        picture.is_away = True
        view.update(picture, [], [])
        view.update(picture, [], [])
        picture.is_away = False
        view.update(picture, [*picture.steps.values()][:1], lines)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "the control plane does not answer; waiting for it, the operation goes on",
        "      log  copying",
        "succeeded  create leader (3.2 s)",
    ]


def test_the_live_display() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    view = LiveView(console)
    view._picture = _picture()
    shown = Console(file=io.StringIO(), width=80)
    shown.print(view.render())
    text = shown.file.getvalue()
    assert re.search(r"apply orders  op-7k2m9qwd4  2 of 5 steps, (\d+ min )?\d+ s", text)
    assert "✓ create leader  3.2 s" in text
    assert "✗ break" in text
    assert "copy  " in text
    assert "25 % rows" in text
    assert "back up" not in text


def test_the_live_display_leaves_one_line_behind() -> None:
    console = Console(file=io.StringIO(), width=80)
    picture = _picture()
    picture.steps = {1: picture.steps[1]}
    with LiveView(console) as view:
        view.update(picture, [], [])
        picture.operation = {
            **picture.operation,
            "state": "succeeded",
            "finished_at": (NOW + timedelta(seconds=3)).isoformat(),
        }
    assert console.file.getvalue().strip().endswith("✓ apply orders: 1 step in 15.0 s")


def test_a_new_database_takes_a_line_a_kind_unless_all_is_asked_for() -> None:
    born = Plan(
        "orders",
        tuple(
            Change(f"create role/r{number}", "role", Action.CREATE, f"role/r{number}", None, {})
            for number in range(30)
        ),
    )
    assert plan_text(born).count("\n") == 5
    assert "30 role  role/r0, role/r1" in plan_text(born)
    assert plan_text(born, full=True).count("role/") == 30
