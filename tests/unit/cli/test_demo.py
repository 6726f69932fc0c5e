"""Where the demo lives, and how it is told where nobody looks at a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from holdfast.cli.commands.demo import Demo, _home
from holdfast.cli.program import Failed, Program
from holdfast.cli.stage import PlainStage, RichStage
from holdfast.core.errors import Error, Refused


def test_its_home_is_its_own():
    assert _home({"HOLDFAST_HOME": "/srv/h"}, as_root=True) == Path("/var/lib/holdfast-demo")
    assert _home({"XDG_DATA_HOME": "/d"}, as_root=False) == Path("/d/holdfast-demo")
    assert _home({"HOLDFAST_DEMO_HOME": "/tmp/x"}, as_root=True) == Path("/tmp/x")


def test_a_folder_that_is_no_home_is_never_removed(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Error, match="is not a home of Holdfast"):
        Demo(PlainStage(), tmp_path).remove()
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("kept_in", ["clusters", "backups"])
def test_another_database_in_its_home_is_not_removed_without_a_word(tmp_path: Path, kept_in: str):
    """People go on working in the demo's home; backups that were kept count, too."""
    site = {"format": 2, "id": "0", "subnet": "127.1.1", "os_user": "x", "control_user": ""}
    (tmp_path / "site.json").write_text(json.dumps(site))
    for name in ("orders", "mine"):
        (tmp_path / kept_in / name).mkdir(parents=True)
    with pytest.raises(Refused, match="also holds mine, which the demo did not make") as caught:
        Demo(PlainStage(), tmp_path).remove()
    assert "--yes" in caught.value.hint
    assert (tmp_path / kept_in / "mine").is_dir()


def test_the_control_database_of_the_platform_at_work_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", "postgresql://elsewhere")
    shown = Demo(PlainStage(), tmp_path).program
    ran = shown.other(
        [sys.executable, "-c", "import os; print(os.environ.get('HOLDFAST_DATABASE_URL'))"],
        shown="x",
    )
    assert ran.stdout == "None\n"


def test_a_command_that_fails_is_told_with_its_last_words(capsys: pytest.CaptureFixture[str]):
    program = Program(PlainStage(), dict(os.environ))
    script = "import sys; print('no space', file=sys.stderr); sys.exit(7)"
    with pytest.raises(Failed) as caught:
        program.other([sys.executable, "-c", script], shown="holdfast up")
    assert caught.value.exit_code == 7
    assert caught.value.said == ("no space",)
    assert capsys.readouterr().out == "$ holdfast up\n"


def test_on_a_terminal_the_steps_are_counted():
    output = io.StringIO()
    stage = RichStage(Console(file=output, force_terminal=True, width=80, highlight=False))
    stage.command("holdfast apply orders.yaml")
    stage.news("succeeded  create node/1/files (16 ms)")
    stage.news("operation op-1")
    assert stage._running is not None
    assert (stage._running.steps, stage._running.step) == (1, "create node/1/files")
    stage.done("ready\nand more")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())
    assert "✓ ready\n    and more" in plain
