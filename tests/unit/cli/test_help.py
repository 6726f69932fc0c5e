"""What the command line says about itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from holdfast.cli.main import COMMANDS, SECTIONS, cli

SOURCES = Path(__file__).parents[3] / "src"


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli, **cli.context_settings)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None, name
        yield name, command
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                found = command.get_command(context, sub)
                assert found is not None
                yield f"{name} {sub}", found


EVERY = dict(_commands())


def test_help_of_everything(golden: Callable[[str, str], None]) -> None:
    runner = CliRunner()
    texts = []
    for name in ("", *EVERY):
        answer = runner.invoke(cli, [*name.split(), "--help"], prog_name="holdfast")
        assert answer.exit_code == 0, name
        texts.append(f"$ holdfast {name}{' ' if name else ''}--help\n{answer.output}")
    golden("help.txt", "\n".join(texts))


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_examples(name: str) -> None:
    epilog = EVERY[name].epilog
    assert epilog is not None
    assert "Examples:" in epilog
    assert f"holdfast {name}" in epilog


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    assert EVERY[name].help is not None
    assert EVERY[name].help.partition("\n")[0] == COMMANDS[name].help


def test_every_command_has_its_section() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "holdfast.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCES), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    answer = _run(*arguments)
    assert answer.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert "click" in imported
    heavy = {"rich", "httpx", "asyncio", "ssl", "sqlalchemy", "psycopg", "fastapi", "pydantic",
             "dbos", "ruamel.yaml", "cryptography", "jsonschema", "subprocess"}  # fmt: skip
    assert not imported & heavy


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("frobnicate",), 2, "no such command 'frobnicate'"),
        (("statsu",), 2, "did you mean 'status'?"),
        (("bogus",), 2, "no such command 'bogus'\n"),
        (("apply",), 2, "missing argument 'PATH...'"),
        (("op", "list", "--limit", "0"), 2, "0 is not in the range"),
        (("op", "watch", "x", "--timeout", "soon"), 2, "not a duration: 'soon'"),
        (("op", "list"), 7, "start one with `holdfast up`"),
        (("plan",), 7, "start one with `holdfast up`"),
        (("down",), 7, "start one with `holdfast up`"),
        (("status",), 7, "start one with `holdfast up`"),
        (("plan", "nowhere.yaml"), 7, "holdfast up"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "holdfast.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "HOLDFAST_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == code, answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.startswith("holdfast: ")
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_a_command_help_is_printed() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "holdfast.cli.main"],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 0
    assert answer.stdout.startswith("Usage: holdfast")


def test_the_schema_is_json() -> None:
    answer = CliRunner().invoke(cli, ["schema"])
    assert json.loads(answer.output)["$schema"].endswith("draft-07/schema#")


def test_completion_finds_commands() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "holdfast.cli.main"],
        env={
            **os.environ,
            "PYTHONPATH": str(SOURCES),
            "_HOLDFAST_COMPLETE": "bash_complete",
            "COMP_WORDS": "holdfast sw",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.stdout.strip() == "plain,switchover"


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            [*verb.split(), name]
            for verb in ("describe", "connect", "logs", "delete", "switchover", "get databases")
            for name in ("../x", "a b", "x'; drop table y", "Köln", "$(id)", "")
        ),
        ["drill", "../x", "kill-primary"],
        ["get", "operations", "../x"],
        ["op", "cancel", "../x"],
        ["op", "list", "--database", "../x"],
    ],
)
def test_what_is_no_name_goes_nowhere(arguments: list[str]) -> None:
    answer = CliRunner().invoke(cli, arguments, prog_name="holdfast")
    assert answer.exit_code == 2
    assert "is no name of a database: a name has 1 to 39" in answer.output or (
        "is no id of an operation" in answer.output
    )
