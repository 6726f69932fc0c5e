"""`make hooks`: what `make lint` refuses is not committed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("lint", "refused"), [("true", False), ("false", True)])
def test_a_commit_waits_for_lint(tmp_path: Path, lint: str, refused: bool) -> None:
    if shutil.which("git") is None or shutil.which("make") is None:
        pytest.skip("not installed: git and make")
    shutil.copytree(ROOT / "scripts" / "hooks", tmp_path / "scripts" / "hooks")
    (tmp_path / "Makefile").write_text(f"lint:\n\t@{lint}\n")
    # Under a hook of ours, or of a caller's, git would mean that other repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def run(*argv: str | Path) -> int:
        return subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, timeout=30, check=False
        ).returncode

    assert run("git", "init", "-q") == 0
    assert run("make", "-f", ROOT / "Makefile", "hooks") == 0
    assert run("git", "add", ".") == 0
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    assert (run("git", *who, "commit", "-qm", "x") != 0) is refused
