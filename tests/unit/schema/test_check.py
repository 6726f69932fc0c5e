"""Migrations over a catalog: statements in their transactions."""

from holdfast.core.finding import Severity
from holdfast.schema.catalog import Catalog
from holdfast.schema.check import Options, Report, check
from holdfast.schema.migration import Batch, Direction, Fragment, Migration

UNKNOWN = Catalog()


def migration(*statements: str, transaction: bool = False) -> Migration:
    fragments = tuple(Fragment(sql, n, 1, 0) for n, sql in enumerate(statements, 1))
    text = ";\n".join(statements)
    batch = Batch(fragments, transaction)
    return Migration("m.sql", "1", "m", Direction.UP, (batch,), text)


def checked(*statements: str, transaction: bool = False, facts: Catalog = UNKNOWN) -> Report:
    return check([migration(*statements, transaction=transaction)], facts, Options())


def test_an_index_on_an_unknown_table_locks_it():
    report = checked("CREATE INDEX i ON orders (status)")
    (statement,) = report.statements
    assert [(lock.relation, lock.mode) for lock in statement.effects.locks] == [
        ("public.orders", "ShareLock")
    ]
    finding = next(found for found in report.findings if found.id == "schema.create_index")
    assert finding.id == "schema.create_index"
    assert finding.severity is Severity.ERROR
    assert finding.evidence["safe"] == "CREATE INDEX CONCURRENTLY i ON orders (status);"
    assert report.unknown == ("table orders",)


def test_broken_sql_is_a_finding_and_the_rest_is_still_checked():
    report = checked("SELEC 1", "CREATE INDEX i ON orders (status)")
    assert [finding.id for finding in report.findings] == [
        "schema.syntax",
        "schema.create_index",
        "schema.lock_timeout_missing",
    ]
    assert report.findings[0].location is not None and report.findings[0].location.line == 1


def test_concurrently_fails_in_the_transaction_of_the_tool():
    report = checked("CREATE INDEX CONCURRENTLY i ON orders (status)", transaction=True)
    assert (report.statements[0].effects.error or "").startswith("25001 ")
