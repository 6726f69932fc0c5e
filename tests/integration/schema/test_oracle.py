"""What `check` predicts is what real servers do; a dump tells what made the database."""

import os
import subprocess

import psycopg
import pytest

from holdfast.schema.catalog.objects import Index, Relation
from holdfast.schema.dump import catalog_from_dump
from tests.integration.postgresql.server import bindirs, running
from tests.integration.schema.cases import FOLDER, cases, examples
from tests.integration.schema.oracle import SETTINGS, run

SERVERS = bindirs()
LEAST = 0.98
DIFFERENCES = FOLDER / "differences.txt"

pytestmark = [pytest.mark.requires("initdb"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request):
    with running(SERVERS[request.param], SETTINGS) as one:
        yield one


def reasons() -> dict[str, str]:
    """`statement => reason`, one a line."""
    lines = [line for line in DIFFERENCES.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split(" => ", 1) for line in lines)


def test_statements_do_what_was_predicted(server):
    score = run(server, [*cases(), *examples()])
    known = reasons()
    unexplained = [str(found) for found in score.found if " ".join(found.sql.split()) not in known]
    assert not unexplained, "\n".join(unexplained)
    assert score.statements >= 400
    assert score.share >= LEAST


def shape(fact: object) -> object:
    """What the statements and a dump of their result tell alike: not the order of things."""
    if isinstance(fact, Index):
        return fact._replace(expressions=(), children=(), only=False)
    if not isinstance(fact, Relation):
        return None
    columns = tuple(
        column._replace(default=str(bool(column.default)), inherited=False)
        for column in fact.columns
    )
    constraints = sorted(
        (c.name, c.kind, c.columns, c.validated, str(c.target), c.target_columns)
        for c in fact.constraints
    )
    return (
        fact.kind,
        columns if fact.kind in "rp" else (),
        constraints,
        sorted(fact.indexes),
        sorted(fact.children),
        fact.persistence,
        sorted(fact.dependents),
        sorted(trigger.name for trigger in fact.triggers),
        sorted(fact.policies),
    )


def test_a_dump_tells_what_the_statements_made(server):
    different = []
    for number, given in enumerate(dict.fromkeys(case.given for case in cases())):
        with psycopg.connect(f"{server.dsn} dbname=postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE dumped_{number}")
        dsn = f"{server.dsn} dbname=dumped_{number}"
        with psycopg.connect(dsn, autocommit=True) as own:
            own.execute(given.encode())
        dump = subprocess.run(
            [server.bindir / "pg_dump", "--schema-only", f"--dbname={dsn}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        ).stdout
        made = catalog_from_dump(given, server.version)
        told = catalog_from_dump(dump, server.version)
        for key in sorted(made.facts.keys() | told.facts.keys(), key=str):
            if key.space != "class":
                continue
            one, other = shape(made.facts.get(key)), shape(told.facts.get(key))
            if one != other:
                different.append(f"{number} {key.name}:\n   {one}\n   {other}")
    assert not different, "\n".join(different)
