"""The GitHub Action, the GitLab template and the pre-commit hook: what they run does run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
INDEX = "CREATE INDEX {} ON t (a);\n"


def loaded(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / name)


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return subprocess.run(
        command, cwd=folder / "clone", env={**known, "PATH": path, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, timeout=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone whose branch adds one file to its origin's one."""
    origin = tmp_path / "origin"
    (origin / "db").mkdir(parents=True)
    (origin / "db/1.sql").write_text(INDEX.format("i"))
    git(origin, "init", "-q")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "one")
    git(tmp_path, "clone", "-q", str(origin), "clone")
    (tmp_path / "clone/db/2.sql").write_text(INDEX.format("j"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").write_text('#!/bin/sh\necho "$@" >pip.log\n')
    (tmp_path / "bin/pip").chmod(0o755)
    return tmp_path


def action(**inputs: str) -> tuple[list[str], dict[str, str]]:
    """The action's step with inputs filled in as GitHub does it."""
    data = loaded("action.yml")
    (step,) = data["runs"]["steps"]
    values = {name: each["default"] for name, each in data["inputs"].items()} | inputs
    values["path"] = str(ROOT)
    environment = {
        name: re.sub(
            r"\$\{\{ (?:inputs|github)\.(?:action_)?([\w-]+) \}\}", lambda m: values[m[1]], text
        )
        for name, text in step["env"].items()
    }
    assert not [text for text in environment.values() if "${{" in text]
    return ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], environment


def test_the_action_annotates_what_a_pull_request_adds(folder: Path) -> None:
    summary = folder / "summary.md"
    command, environment = action(paths="db", arguments="--only create_index")
    answer = run(command, folder, **environment, GITHUB_BASE_REF="main",
                 GITHUB_STEP_SUMMARY=str(summary))  # fmt: skip
    assert answer.returncode == 1, answer.stderr
    assert answer.stdout.count("::") == 2
    assert "file=db/2.sql,line=1" in answer.stdout
    assert "### db/2.sql" in summary.read_text()


def test_the_action_checks_all_on_a_push(folder: Path) -> None:
    command, environment = action(
        **{"paths": "db", "fail-on": "never", "server-version": "15",
           "arguments": "--only create_index"}
    )  # fmt: skip
    answer = run(command, folder, **environment)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 2


def test_the_template_of_gitlab_writes_its_report(folder: Path) -> None:
    job = loaded("templates/check.yml")["holdfast-check"]
    script = "\n".join(job["script"])
    variables = {**job["variables"], "CHECK_PATHS": "db", "CHECK_ARGUMENTS": "--only create_index"}
    answer = run(["bash", "-ec", script], folder, **variables)
    assert answer.returncode == 1, answer.stderr
    assert (folder / "clone/pip.log").read_text() == "install --quiet holdfast\n"
    report = folder / "clone" / job["artifacts"]["reports"]["codequality"]
    assert [one["location"]["path"] for one in json.loads(report.read_text())] == [
        "db/1.sql", "db/2.sql",
    ]  # fmt: skip
    variables["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = "origin/main"
    run(["bash", "-ec", script], folder, **variables)
    assert [one["location"]["path"] for one in json.loads(report.read_text())] == ["db/2.sql"]


def test_the_hook_checks_the_files_of_a_commit(folder: Path) -> None:
    (hook,) = loaded(".pre-commit-hooks.yaml")
    assert re.search(hook["files"], "db/2.sql")
    assert not re.search(hook["files"], "src/a.py")
    answer = run([*shlex.split(hook["entry"]), "db/2.sql"], folder)
    assert answer.returncode == 1
    assert "db/2.sql:1:1" in answer.stdout
    assert "db/1.sql" not in answer.stdout
