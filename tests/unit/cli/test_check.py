"""`holdfast check` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.cli.main import cli

INDEX = "CREATE INDEX i ON t (a);\n"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments], input=text, prog_name="holdfast")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()  # settings are looked for up to here
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(answer: Result) -> list[str]:
    return [one["id"] for one in json.loads(answer.output)["findings"]]


def test_a_bad_change_ends_with_one(folder: Path) -> None:
    (folder / "1.sql").write_text(INDEX)
    answer = run("--only", "create_index")
    assert answer.exit_code == 1
    assert answer.output.startswith("1.sql:1:1: error: ")
    assert "CREATE INDEX CONCURRENTLY i ON t (a);" in answer.output
    assert run("--fail-on", "never").exit_code == 0


def test_a_good_one_ends_with_nought(folder: Path) -> None:
    (folder / "1.sql").write_text(
        "CREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
    )
    answer = run(".", "--only", "create_index")
    assert (answer.exit_code, answer.output) == (0, "no findings in 1 file\n")


def test_a_path_that_is_not_there_is_said() -> None:
    answer = run("nowhere")
    assert answer.exit_code == 1
    assert "nowhere" in str(answer.exception)


def test_the_neighbours_of_a_file_are_what_is_there_before(folder: Path) -> None:
    (folder / "1.sql").write_text("CREATE TABLE t (a int);\nALTER TABLE;\n")
    (folder / "2.sql").write_text("SELECT 1;\n")
    (folder / "3.sql").write_text(INDEX)
    data = json.loads(run("2.sql", "3.sql", "-o", "json", "--effects").output)
    assert {one["path"] for one in data["statements"]} == {"2.sql", "3.sql"}
    assert data["summary"]["files"] == 2
    assert "schema.syntax" not in {one["id"] for one in data["findings"]}
    (folder / "notes.txt").write_text("")
    assert run("notes.txt").exit_code == 0


def test_an_editor_sends_its_text() -> None:
    answer = run("--stdin", "--path", "db/1.sql", "-o", "json", "--effects", text=INDEX)
    data = json.loads(answer.output)
    assert data["findings"][0]["location"]["file"] == "db/1.sql"
    assert data["statements"][0]["effects"]["locks"] == [
        {"relation": "public.t", "mode": "ShareLock"}
    ]
    assert run("--stdin", text=INDEX).exit_code == 2


def test_bad_files_are_said_and_the_others_checked(folder: Path) -> None:
    (folder / "1.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\r\n")
    (folder / "2.sql").write_bytes(b"SELECT '\xe9';\n")
    (folder / "3.sql").write_bytes(b"SELECT 1;\0 SELECT 2;")
    (folder / "4.sql").write_bytes("SELECT 1;".encode("utf-16"))
    (folder / "5.sql").symlink_to("5.sql")
    (folder / "6.sql").mkdir()
    (folder / "7.sql").write_text("ALTER TABLE;\n" + INDEX)
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "8.sql")
    answer = run("-o", "json")
    assert set(found(answer)) >= {
        "schema.byte_order_mark", "schema.encoding", "schema.nul", "schema.unreadable_file",
        "schema.syntax", "schema.create_index",
    }  # fmt: skip
    assert len([one for one in found(answer) if one == "schema.create_index"]) == 1


def test_an_exception_needs_a_reason_and_a_use(folder: Path) -> None:
    (folder / "1.sql").write_text(
        "-- holdfast: ignore create_index until=2999-01-01 because it is small\n"
        + INDEX
        + "-- holdfast: ignore create_index until=2020-01-01 because it is old\n"
        + INDEX.replace(" i ", " j ")
        + "-- holdfast: ignore create_index\n-- holdfast: ignore no_such because x\n"
        + INDEX.replace(" i ", " k ")
        + "SELECT 1; -- holdfast: ignore create_index because there is none\n"
    )
    answer = run("-o", "json")
    data = json.loads(answer.output)
    ours = [(one["id"], one["location"]["line"]) for one in data["findings"]]
    assert [one for one in ours if one[0].endswith(("ignore", "create_index"))] == [
        ("schema.expired_ignore", 3),
        ("schema.create_index", 4),
        ("schema.bad_ignore", 5),
        ("schema.bad_ignore", 6),
        ("schema.create_index", 7),
        ("schema.unused_ignore", 8),
    ]
    assert data["summary"]["ignored"] == 1


def test_settings_are_the_project_s(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.holdfast]\nserver-version = 15\nexclude = ["old"]\n'
        '[tool.holdfast.rules]\n"create-index" = "notice"\n'
    )
    (folder / "old").mkdir()
    (folder / "old/1.sql").write_text(INDEX)
    (folder / "db").mkdir()
    (folder / "db/1.sql").write_text(INDEX)
    answer = run("--only", "create_index", "-o", "json")
    data = json.loads(answer.output)
    assert [(one["severity"], one["location"]["file"]) for one in data["findings"]] == [
        ("notice", "db/1.sql")
    ]
    assert answer.exit_code == 0
    (folder / "holdfast.toml").write_text('[rules]\n"schema.create_index" = "off"\n')
    assert found(run("db", "-o", "json", "--only", "create_index")) == []


def test_wrong_settings_are_all_said(folder: Path) -> None:
    (folder / "holdfast.toml").write_text(
        'server-version = 9\nfrob = 1\ntool = "x"\n[rules]\nnone = "error"\ncreate_index = "bad"\n'
    )
    answer = run()
    assert len(answer.exception.findings) == 5  # type: ignore[union-attr]


def test_a_baseline_hides_what_is_known_and_only_that(folder: Path) -> None:
    (folder / "1.sql").write_text(INDEX)
    only = ("--only", "create_index")
    assert run("--baseline", "known.json", "--write-baseline", *only).exit_code == 0
    (folder / "1.sql").write_text("\n\n" + INDEX + INDEX.replace(" i ", " j "))
    answer = run("--baseline", "known.json", "-o", "json", *only)
    data = json.loads(answer.output)
    assert [one["location"]["line"] for one in data["findings"]] == [4]
    assert data["summary"]["known"] == 1
    (folder / "known.json").write_text("[]")
    assert "is no baseline" in str(run("--baseline", "known.json").exception)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, timeout=30)


def test_since_shows_what_the_branch_adds(folder: Path) -> None:
    (folder / ".git").rmdir()
    git(folder, "init", "-q")
    (folder / "db").mkdir()
    (folder / "db/1.sql").write_text(INDEX)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    (folder / "db/1.sql").write_text(INDEX + INDEX.replace(" i ", " j "))
    (folder / "db/é 2.sql").write_text(INDEX.replace(" i ", " k "))
    git(folder, "add", "db/é 2.sql")
    (folder / "db/3.sql").write_text(INDEX.replace(" i ", " l "))
    answer = run("db", "--since", "main", "-o", "json", "--only", "create_index")
    places = [one["location"] for one in json.loads(answer.output)["findings"]]
    assert [(each["file"], each["line"]) for each in places] == [
        ("db/1.sql", 2), ("db/3.sql", 1), ("db/é 2.sql", 1),
    ]  # fmt: skip
    assert "no revision" in str(run("db", "--since", "nowhere").exception)
    assert "no revision" in str(run("db", "--since", "--output=x").exception)


def test_the_rules_can_be_listed_and_explained() -> None:
    assert "schema.create_index " in run("--list-rules").output
    assert "goose" in run("--list-tools").output
    assert "Bad:\n    CREATE INDEX" in run("--explain", "create-index").output
    assert "did you mean" in run("--explain", "create_indx").exception.hint  # type: ignore[union-attr]


def test_a_dump_is_what_is_there_before(folder: Path) -> None:
    (folder / "schema.dump").write_text(
        "-- Dumped from database version 15.4\nCREATE TABLE public.t (a integer);\n"
    )
    (folder / "1.sql").write_text(INDEX)
    assert json.loads(run("-o", "json").output)["unknown"] == ["table t"]
    assert json.loads(run("--schema", "schema.dump", "-o", "json").output)["unknown"] == []
    (folder / "schema.dump").write_text("CREATE TABEL t;")
    assert run("--schema", "schema.dump").exception.findings  # type: ignore[union-attr]
