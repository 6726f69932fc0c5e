"""How bad a lock is: by the size of the table and the rate of its statements."""

import pytest

from holdfast.core.finding import Severity
from holdfast.schema.catalog import Catalog, Key
from holdfast.schema.catalog.objects import replace
from holdfast.schema.check import Options, check
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.names import Name

TABLE = Key("class", Name("public", "t"))


def catalog(**figures: object) -> Catalog:
    dump = catalog_from_dump("CREATE TABLE t (a int, b text)")
    fact = replace(dump.facts[TABLE], **figures)
    return replace(dump, facts={**dump.facts, TABLE: fact})


def finding(facts: Catalog, sql: str = "CREATE INDEX i ON t (a)"):
    batch = Batch((Fragment(sql, 1, 1, 0),), transaction=False)
    migration = Migration("m.sql", "1", "m", Direction.UP, (batch,), sql)
    found = check([migration], facts, Options(without=frozenset({"schema.lock_timeout_missing"})))
    return found.findings[0]


@pytest.mark.parametrize(
    ("size", "severity"),
    [
        (None, Severity.ERROR),
        (8192, Severity.NOTICE),
        (10_000_000, Severity.WARNING),
        (10_000_000_000, Severity.ERROR),
    ],
)
def test_the_size_decides(size, severity):
    assert finding(catalog(bytes=size)).severity is severity


def test_rows_stand_in_for_bytes():
    assert finding(catalog(rows=10)).severity is Severity.NOTICE
    assert finding(catalog(rows=1_000_000_000)).severity is Severity.ERROR


def test_the_hold_time_and_the_queue_are_told():
    facts = catalog(bytes=3_000_000_000, reads_per_s=500.0, writes_per_s=20.0)
    message = finding(facts).message
    assert "about 100 s" in message
    assert "some 2,000 statements would queue" in message  # writers only: readers go on
    everybody = finding(facts, "ALTER TABLE t ALTER COLUMN a TYPE bigint").message
    assert "reads and writes of t wait about 75 s" in everybody
    assert "some 39,000 statements would queue" in everybody
