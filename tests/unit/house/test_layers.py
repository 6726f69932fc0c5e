"""The layers hold, every room has its place, and the check that says so can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

FORBIDDEN = [
    ("core/a.py", "import holdfast.system"),
    ("system/a.py", "import holdfast.store"),
    ("store/a.py", "import holdfast.engines"),
    ("spec/a.py", "import holdfast.recovery"),
    ("recovery/a.py", "import holdfast.evidence"),
    ("evidence/a.py", "import holdfast.store"),
    ("engines/a.py", "import holdfast.workflows"),
    ("api/a.py", "import holdfast.cli"),
    ("node/a.py", "import holdfast.spec"),
    ("app/a.py", "import holdfast.node"),
    ("app/a.py", "import dbos"),
    ("workflows/a.py", "import dbos"),
    ("app/a.py", "import fastapi"),
    ("api/a.py", "import click"),
    ("app/a.py", "import sqlalchemy"),
    ("app/a.py", "import psycopg"),
    ("attic/a.py", ""),
]
ALLOWED = [
    ("cli/a.py", "import click, rich\nimport holdfast.app"),
    ("api/a.py", "import fastapi\nimport holdfast.app"),
    ("app/a.py", "import holdfast.workflows, holdfast.engines, holdfast.store"),
    ("workflows/runtime.py", "import dbos"),
    ("store/a.py", "import sqlalchemy, alembic, psycopg\nimport holdfast.system"),
    ("engines/a.py", "import psycopg\nimport holdfast.system, holdfast.spec"),
    ("node/a.py", "import holdfast.system, holdfast.core"),
]
ROOMS = [
    *("cli", "api", "console", "node", "app", "workflows", "engines", "providers", "store"),
    *("system", "spec", "schema", "recovery", "evidence", "insight", "access", "runbooks", "core"),
]


def lint(folder: Path, files: list[tuple[str, str]]) -> subprocess.CompletedProcess[str]:
    """Run the house's contracts over an empty copy of the house with these files in it."""
    package = folder / "holdfast"
    for room in ["", *ROOMS]:
        (package / room).mkdir(parents=True, exist_ok=True)
        (package / room / "__init__.py").touch()
    for name, code in files:
        file = package / name
        file.parent.mkdir(exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a") as out:
            out.write(code + "\n")
    shutil.copy(ROOT / "pyproject.toml", folder)
    code = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "CI": "true"},
        timeout=60,
        check=False,
    )


def test_what_the_layers_allow_passes(tmp_path):
    run = lint(tmp_path, ALLOWED)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(("file", "code"), FORBIDDEN, ids=lambda value: value.replace("\n", "; "))
def test_what_the_layers_forbid_is_seen(tmp_path, file, code):
    run = lint(tmp_path, [(file, code)])
    assert run.returncode == 1, run.stdout + run.stderr
    assert "BROKEN" in run.stdout or "attic" in run.stdout + run.stderr
