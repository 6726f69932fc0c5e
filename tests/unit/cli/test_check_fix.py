"""`check --fix`: the safe sequence, in the convention of the migration's own tool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.cli.main import cli

TABLE = "CREATE TABLE t (a int);\n"
CHANGE = (
    "ALTER TABLE t ADD COLUMN b int;\nCREATE INDEX i ON t (a);\nCOMMENT ON TABLE t IS 'x; y';\n"
)
BACK = "DROP INDEX CONCURRENTLY i;\n"
CARGO = {"Cargo.toml": "[dependencies]\nsqlx = '0.8'\n"}
TOOLS = {
    "sql": {"1_t.sql": TABLE, "2_i.sql": CHANGE},
    "flyway": {"V1__t.sql": TABLE, "V2__i.sql": CHANGE, "V3__z.sql": "SELECT 1;\n"},
    "golang-migrate": {
        "000001_t.up.sql": TABLE, "000001_t.down.sql": "DROP TABLE t;\n",
        "000002_i.up.sql": CHANGE, "000002_i.down.sql": BACK,
    },
    "sqlx": {**CARGO, "20260101000000_t.sql": TABLE, "20260102000000_i.sql": CHANGE},
    "goose": {
        "00001_t.sql": f"-- +goose Up\n{TABLE}",
        "00002_i.sql": f"-- +goose Up\n{CHANGE}-- +goose Down\n{BACK}",
    },
    "dbmate": {
        "20260101000000_t.sql": f"-- migrate:up\n{TABLE}",
        "20260102000000_i.sql": f"-- migrate:up\n{CHANGE}\n-- migrate:down\n{BACK}",
    },
    "prisma": {
        "20260101000000_t/migration.sql": TABLE, "20260102000000_i/migration.sql": CHANGE,
    },
    "diesel": {
        "2026-01-01-000000_t/up.sql": TABLE, "2026-01-01-000000_t/down.sql": "DROP TABLE t;\n",
        "2026-01-02-000000_i/up.sql": CHANGE,
        "2026-01-02-000000_i/down.sql": "DROP INDEX i;\n",  # Diesel runs it in a transaction
    },
}  # fmt: skip


def run(*arguments: str) -> Result:
    only = ("--only", "create_index")
    return CliRunner().invoke(cli, ["check", *arguments, *only], prog_name="holdfast")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_sequence_is_safe_and_leads_to_the_same(tool: str, folder: Path) -> None:
    put(folder, TOOLS[tool])
    assert json.loads(run(".", "-o", "json").output)["tools"] == {".": tool}
    assert run(".").exit_code == 1
    answer = run(".", "--fix")
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("wrote ") >= 3
    assert "the catalog at the end is the same" in answer.output
    after = run(".", "-o", "json", "--effects", "--down")
    data = json.loads(after.output)
    assert (after.exit_code, data["findings"]) == (0, [])
    assert [one["effects"]["error"] for one in data["statements"]] == [None] * len(
        data["statements"]
    )
    words = " ".join(one["sql"] for one in data["statements"])
    assert "CREATE INDEX CONCURRENTLY i ON t (a)" in words
    assert words.count("COMMENT ON TABLE") == words.count("ADD COLUMN b") == 1


def test_what_may_have_run_is_left(folder: Path) -> None:
    put(folder, TOOLS["goose"])
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "add", "."], cwd=folder, check=True, timeout=30)
    subprocess.run(["git", *who, "commit", "-qm", "x"], cwd=folder, check=True, timeout=30)
    answer = run(".", "--fix")
    assert answer.exit_code == 1
    assert "it is committed" in answer.output
    assert (folder / "00002_i.sql").read_text() == TOOLS["goose"]["00002_i.sql"]


def test_versions_that_are_taken_are_not_taken_twice(folder: Path) -> None:
    put(folder, {**TOOLS["goose"], "00003_z.sql": "-- +goose Up\nSELECT 1;\n"})
    answer = run(".", "--fix")
    assert answer.exit_code == 1
    assert "are taken by later ones" in answer.output
    assert len(list(folder.glob("*.sql"))) == 3


def test_a_tool_without_files_of_sql_is_left(folder: Path) -> None:
    put(folder, {
        "versions/a.py": "from alembic import op\nrevision = 'a'\ndown_revision = None\n"
        "def upgrade():\n    op.create_index('i', 't', ['a'])\n"
    })  # fmt: skip
    answer = run(".", "--fix")
    assert answer.exit_code == 1
    assert "no sequence is written for Alembic" in answer.output


def test_what_fails_as_it_stands_is_left(folder: Path) -> None:
    change = CHANGE.replace("INDEX i", "INDEX CONCURRENTLY i") + "CREATE INDEX j ON t (b);\n"
    put(folder, {"V1__t.sql": TABLE, "V2__i.sql": "BEGIN;\n" + change + "COMMIT;\n"})
    answer = run(".", "--fix")
    assert answer.exit_code == 1
    assert "left as it is" in answer.output


def test_nothing_to_do_is_said(folder: Path) -> None:
    put(folder, {"1.sql": TABLE})
    answer = run(".", "--fix")
    assert (answer.exit_code, answer.output) == (
        0,
        "nothing has a safe form that could be written\n",
    )
