"""Every case on a real server: run as a program, it prints what differs.

python -m tests.integration.schema.oracle [MAJOR...] [-k PART]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import psycopg

from holdfast.schema.dump import catalog_from_dump
from tests.integration.postgresql.server import PostgresServer, bindirs, running
from tests.integration.schema.cases import Case, cases, examples, predicted
from tests.integration.schema.compare import Difference, differences
from tests.integration.schema.observe import OUTSIDE, Observed, inside, outside

SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
            "shared_buffers": "32MB", "timezone": "Europe/Berlin", "autovacuum": "off",
            "jit": "off", "allow_in_place_tablespaces": "on"}  # fmt: skip


@dataclass
class Score:
    """How many statements were compared, and what differed."""

    statements: int = 0
    differing: int = 0
    found: list[Difference] = field(default_factory=list)

    @property
    def share(self) -> float:
        return 1 - self.differing / max(self.statements, 1)


class Databases:
    """One database for each given state; a case that leaves traces gets a copy of it."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.admin = psycopg.connect(f"{server.dsn} dbname=postgres", autocommit=True)
        self.known: dict[str, tuple[str, psycopg.Connection]] = {}
        self.copies = 0

    def given(self, sql: str) -> psycopg.Connection:
        if sql not in self.known:
            name = f"given_{len(self.known)}"
            self.admin.execute(f"CREATE DATABASE {name}")
            dsn = f"{self.server.dsn} dbname={name}"
            with psycopg.connect(dsn, autocommit=True) as maker:
                maker.execute(sql.encode() or b"SELECT")
            self.known[sql] = (name, psycopg.connect(dsn, autocommit=True))
        return self.known[sql][1]

    def copy(self, sql: str) -> str:
        """The connection string of a database that may be spoilt."""
        self.given(sql)
        name, connection = self.known.pop(sql)
        connection.close()
        self.copies += 1
        copy = f"copy_{self.copies}"
        self.admin.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
        dsn = f"{self.server.dsn} dbname="
        self.known[sql] = (name, psycopg.connect(f"{dsn}{name}", autocommit=True))
        return f"{dsn}{copy}"

    def close(self) -> None:
        for _, connection in self.known.values():
            connection.close()
        self.admin.close()


def run(server: PostgresServer, chosen: Iterable[Case]) -> Score:
    """Compare every case that this server's version takes."""
    score = Score()
    databases = Databases(server)
    catalogs = {}
    try:
        for case in chosen:
            if not case.oldest <= server.version <= case.newest:
                continue
            if case.given not in catalogs:
                catalogs[case.given] = catalog_from_dump(case.given, server.version)
            reports = predicted(case, server.version, catalogs[case.given])
            observations = list(observe(databases, case))
            held: dict[str, str] = {}
            for report, observed in zip(reports, observations, strict=False):
                if not case.together:
                    held = {}
                found = list(differences(case.name, report, held, observed))
                score.statements += 1
                score.differing += bool(found)
                score.found += found
    finally:
        databases.close()
    return score


def observe(databases: Databases, case: Case) -> Iterator[Observed]:
    if (case.alone and not OUTSIDE.search(case.statements[0])) or case.together:
        yield from inside(databases.given(case.given), case.statements, keep=False)
    else:
        dsn = databases.copy(case.given)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in case.statements:
                if OUTSIDE.search(statement):
                    yield outside(dsn, statement)
                else:
                    yield from inside(connection, (statement,), keep=True)


def main() -> None:
    words = sys.argv[1:]
    part = words[words.index("-k") + 1] if "-k" in words else ""
    majors = [int(word) for word in words if word.isdigit()]
    chosen = [case for case in (*cases(), *examples()) if part in case.name]
    for major, bindir in sorted(bindirs().items()):
        if majors and major not in majors:
            continue
        with running(bindir, SETTINGS) as server:
            score = run(server, chosen)
        print(f"PostgreSQL {major}: {score.statements} statements, {score.share:.1%} as predicted")
        for found in score.found:
            print("  ", found)


if __name__ == "__main__":
    main()
