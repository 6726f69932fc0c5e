"""`check --database`: what a running server tells of itself."""

from __future__ import annotations

import json
import os

import psycopg
import pytest
from click.testing import CliRunner

from holdfast.app.check_database import facts
from holdfast.cli.main import cli
from holdfast.core.errors import Error
from holdfast.schema.names import Name
from tests.integration.postgresql.server import PostgresServer

MIGRATION = "CREATE INDEX t_b ON t (b);\n"


async def test_a_server_tells_sizes_and_what_is_invalid(
    postgres_server: PostgresServer, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with postgres_server.connect(fresh_database) as connection:
        await connection.execute("CREATE TABLE t (a int, b text)")
        await connection.execute("INSERT INTO t SELECT n / 2, n FROM generate_series(1, 5000) n")
        await connection.execute("ANALYZE t")
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY bad ON t (a)")
    dsn = (
        f"postgresql://postgres:{postgres_server.password}@{postgres_server.host}"
        f":{postgres_server.port}/{fresh_database}"
    )
    monkeypatch.setenv("PATH", f"{postgres_server.bindir}:{os.environ['PATH']}")
    catalog, version = facts(dsn)
    assert version == postgres_server.version
    assert catalog.complete
    (table,) = catalog.tables
    assert (table.name, table.rows) == (Name("public", "t"), 5000)
    assert table.bytes is not None and table.bytes > 100_000
    assert [(index.name.name, index.valid) for index in catalog.indexes] == [("bad", False)]

    with pytest.raises(Error, match="could not read the database"):
        facts(dsn.replace(fresh_database, "nowhere"))

    runner = CliRunner()
    with runner.isolated_filesystem():
        with open("1.sql", "w") as file:  # noqa: PTH123
            file.write(MIGRATION)
        answer = runner.invoke(cli, ["check", "1.sql", "--database", dsn, "-o", "json"])
    data = json.loads(answer.output)
    assert data["unknown"] == []
    assert postgres_server.password not in answer.output
