"""Transactions, settings, directions: who sees what, and when."""

from holdfast.schema.catalog import Catalog
from holdfast.schema.check import Options, Report, check
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.migration import Batch, Direction, Fragment, Migration


def migration(
    *statements: str, transaction: bool = True, direction: Direction = Direction.UP, version="1"
) -> Migration:
    fragments = tuple(Fragment(sql, line, 1, 0) for line, sql in enumerate(statements, 1))
    batch = Batch(fragments, transaction)
    return Migration(f"{version}.sql", version, version, direction, (batch,), "\n".join(statements))


def checked(*migrations: Migration, facts: Catalog | None = None, version: int = 16) -> Report:
    return check(migrations, facts or catalog_from_dump("CREATE TABLE t (a int)"), Options(version))


def ids(report: Report) -> list[str]:
    return [finding.id.removeprefix("schema.") for finding in report.findings]


def test_a_table_of_the_same_transaction_is_free():
    report = checked(migration("CREATE TABLE n (a int)", "CREATE INDEX i ON n (a)"))
    assert report.findings == ()
    assert all(not statement.effects.locks for statement in report.statements)


def test_a_table_of_an_earlier_migration_is_not():
    report = checked(
        migration("CREATE TABLE n (a int)"), migration("CREATE INDEX i ON n (a)", version="2")
    )
    assert "create_index" in ids(report)


def test_if_not_exists_proves_nothing_where_the_catalog_is_unknown():
    statements = ("CREATE TABLE IF NOT EXISTS n (a int)", "CREATE INDEX i ON n (a)")
    assert "create_index" in ids(checked(migration(*statements), facts=Catalog()))
    assert "create_index" not in ids(checked(migration(*statements)))


def test_a_rollback_takes_everything_back():
    report = checked(
        migration("BEGIN", "ALTER TABLE t ADD COLUMN b int", "ROLLBACK", transaction=False),
        migration("ALTER TABLE t ADD COLUMN b int", version="2"),
    )
    assert all(statement.effects.error is None for statement in report.statements)


def test_a_savepoint_takes_back_what_came_after_it():
    report = checked(
        migration(
            "SAVEPOINT s",
            "ALTER TABLE t ADD COLUMN b int",
            "ROLLBACK TO s",
            "ALTER TABLE t ADD COLUMN b text",
        )
    )
    assert report.statements[-1].effects.error is None


def test_a_migration_down_leaves_no_trace():
    down = migration("DROP TABLE t", direction=Direction.DOWN)
    report = checked(migration("SELECT 1"), down, migration("SELECT a FROM t", version="2"))
    assert all(statement.effects.error is None for statement in report.statements)
    assert "drop_table" not in ids(report), "losing what a way up has made is its point"


def test_the_search_path_decides():
    facts = catalog_from_dump(
        "CREATE SCHEMA app; CREATE TABLE app.t (b int); CREATE TABLE t (a int)"
    )
    report = checked(
        migration("SET LOCAL search_path = app", "ALTER TABLE t DROP COLUMN b"), facts=facts
    )
    assert report.statements[1].effects.locks[0].relation == "app.t"


def test_settings_end_with_their_migration():
    report = checked(
        migration("SET lock_timeout = '1s'", "ALTER TABLE t ADD COLUMN b int", transaction=False),
        migration("ALTER TABLE t ADD COLUMN c int", version="2"),
    )
    missing = [f for f in report.findings if f.id == "schema.lock_timeout_missing"]
    assert [finding.location.file for finding in missing if finding.location] == ["2.sql"]


def test_an_opaque_fragment_is_reported_as_unseen():
    fragment = Fragment("", 3, 1, 0, opaque="a call that builds its SQL")
    batch = Batch((fragment,), transaction=True)
    report = checked(Migration("m.py", "1", "m", Direction.UP, (batch,), ""))
    assert report.statements[0].effects.unseen == ("a call that builds its SQL",)
