"""Migrations whose SQL only their own tool can make, printed by that tool (`--run-tool`).

This runs the project's code, as the tool itself would, so that it happens only when asked for.
Alembic and Liquibase print without a database; Django looks into the one of its own settings.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from holdfast.app.check_read import Read
from holdfast.app.check_settings import CheckSettings
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.reading.files import File
from holdfast.schema.reading.grouping import History, histories
from holdfast.schema.reading.making import made, parts
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import PLAIN, statements

_TIMEOUT_S = 120
_ALEMBIC_STEP = re.compile(r"^-- Running upgrade (\S*) -> (\S+?)(?:, .*)?$", re.MULTILINE)
_BEGIN = re.compile(r"begin$", re.IGNORECASE)
_COMMIT = re.compile(r"commit$", re.IGNORECASE)
_ALEMBIC_OWN = re.compile(
    r"(?:create table|insert into|update|delete from)\s+\S*alembic_version\b", re.IGNORECASE
)
_DJANGO_OWN = re.compile(r"(?!)")
_LIQUIBASE_STEP = re.compile(r"^--\s+Changeset (.+?)::(.+?)::(.+)$", re.MULTILINE)
_LIQUIBASE_OWN = re.compile(r"\bdatabasechangelog(?:lock)?\b", re.IGNORECASE)


def with_tools(read: Read, settings: CheckSettings) -> list[History]:
    """The histories, those of Alembic, Django and Liquibase in the words of the tool itself.

    Where the tool is missing or fails, what was read without it stays, and says so.
    """
    ways: dict[str, Callable[[History], list[Migration]]] = {
        "alembic": _alembic,
        "django": _django,
        "liquibase": _liquibase,
    }
    every = histories(read.folders, tool=settings.tool, settings=settings.tools)
    return [_told(one, ways[one.tool.id]) if one.tool.id in ways else one for one in every]


class _Failed(Exception):
    """The tool has not printed any SQL; why stands in the message."""


def _told(history: History, ask: Callable[[History], list[Migration]]) -> History:
    try:
        return replace(history, migrations=tuple(ask(history)))
    except _Failed as failed:
        first = history.migrations[:1]
        found = problem(
            "schema.unseen",
            f"{history.tool.title} itself did not print its SQL: {failed}",
            first[0].path if first else history.root,
        )
        marked = [replace(one, findings=(*one.findings, found)) for one in first]
        return replace(history, migrations=(*marked, *history.migrations[1:]))


def _alembic(history: History) -> list[Migration]:
    """`alembic upgrade head --sql`, cut at its own comments."""
    folder = _upwards(history.root, "alembic.ini")
    text = _run([*_program("alembic"), "upgrade", "head", "--sql"], folder)
    known = {one.version: one for one in history.migrations if one.direction is Direction.UP}
    steps = list(_ALEMBIC_STEP.finditer(text))
    result = []
    for step, end in parts(steps, len(text)):
        found = known.get(step[2])
        if found is not None:
            body = text[step.end() : end]
            result.append(_printed(found, body, _ALEMBIC_OWN, transaction="BEGIN;" in text))
    return result


def _django(history: History) -> list[Migration]:
    """`manage.py sqlmigrate APP NAME` for each migration."""
    folder = _upwards(history.root, "manage.py")
    app = Path(history.root).resolve().parent.name
    result = []
    for one in history.migrations:
        name = one.path.rpartition("/")[2].removesuffix(".py")
        text = _run([sys.executable, "manage.py", "sqlmigrate", app, name], folder)
        result.append(_printed(one, text, _DJANGO_OWN, transaction=False))
    return result


def _liquibase(history: History) -> list[Migration]:
    """`liquibase update-sql` without a database, cut at its own comments.

    What a changelog includes as SQL is left out: those files are read themselves.
    """
    changelogs = [one for one in history.migrations if not one.batches and one.findings]
    result = [one for one in history.migrations if one not in changelogs]
    for one in changelogs:
        file = Path(one.path)
        with tempfile.TemporaryDirectory() as folder:
            # Without a database it notes what it has done in a file, which is nobody's business.
            url = f"--url=offline:postgresql?changeLogFile={folder}/databasechangelog.csv"
            asked = ["liquibase", "update-sql", f"--changelog-file={file.name}", url]
            text = _run(asked, str(file.parent))
        steps = list(_LIQUIBASE_STEP.finditer(text))
        for step, end in parts(steps, len(text)):
            if not step[1].lower().endswith(".sql"):
                named = replace(one, version=step[2], title=f"{step[3]}:{step[2]}", findings=())
                body = text[step.end() : end]
                result.append(_printed(named, body, _LIQUIBASE_OWN, transaction=True))
    return result


def _printed(one: Migration, text: str, own: re.Pattern[str], transaction: bool) -> Migration:
    """The migration with the statements that the tool printed, without the tool's own.

    Their places are in the printed text, which nobody has as a file. Where they are as many as were
    read from the migration, each gets the place of its counterpart; else all that of the first.
    """
    found: list[tuple[bool, list[Fragment]]] = [(transaction, [])]
    for each in statements(text, PLAIN):
        if _BEGIN.match(each.sql) or _COMMIT.match(each.sql):
            found.append((_BEGIN.match(each.sql) is not None, []))
        elif not own.search(each.sql):
            found[-1][1].append(each)
    seen = tuple(said for said in one.findings if said.id != "schema.unseen")
    places = [each for batch in one.batches for each in batch.fragments]
    count = sum(len(part) for _, part in found)
    if len(places) != count:
        places = [places[0] if places else Fragment("", 1, 1, 0)] * count
    place = iter(places)
    batches = [
        Batch(tuple(_moved(each, next(place)) for each in part), is_one) for is_one, part in found
    ]
    return made(File(one.path, one.text, seen), batches, one.version, one.title, one.direction)


def _moved(each: Fragment, place: Fragment) -> Fragment:
    return replace(each, line=place.line, column=place.column, offset=place.offset)


def _program(name: str) -> Sequence[str]:
    """The tool of the project's own environment, where one is active."""
    active = os.environ.get("VIRTUAL_ENV")
    if active and (found := Path(active, "bin", name)).exists():
        return (str(found),)
    beside = Path(sys.executable).with_name(name)
    return (str(beside),) if beside.exists() else (name,)


def _upwards(root: str, name: str) -> str:
    here = Path(root or ".").resolve()
    for folder in (here, *here.parents):
        if (folder / name).exists():
            return str(folder)
    raise _Failed(f"there is no {name} in {root or '.'} or above it")


def _run(arguments: Sequence[str], folder: str) -> str:
    environment: Mapping[str, str] = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        answer = subprocess.run(
            arguments,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise _Failed(f"{Path(arguments[0]).name} is not installed") from None
    except subprocess.TimeoutExpired:
        raise _Failed(f"it took longer than {_TIMEOUT_S} s") from None
    if answer.returncode != 0:
        lines = [line for line in answer.stderr.splitlines() if line.strip()]
        raise _Failed(lines[-1].strip() if lines else f"it ended with {answer.returncode}")
    return answer.stdout
