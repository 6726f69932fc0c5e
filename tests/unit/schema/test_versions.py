"""What differs from one major version to the next: each at its last old and its first new one."""

import pytest

from holdfast.schema.check import Options, StatementReport, check
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.migration import Batch, Direction, Fragment, Migration

GIVEN = """
CREATE TABLE t (id int PRIMARY KEY, a timestamp, b int, CONSTRAINT c CHECK (b IS NOT NULL));
CREATE INDEX i ON t (b);
CREATE TABLE p (k int) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE n (k int);
"""


def last(sql: str, version: int, *before: str) -> StatementReport:
    fragments = tuple(Fragment(text, line, 1, 0) for line, text in enumerate((*before, sql), 1))
    batch = Batch(fragments, transaction=False)
    migration = Migration("m.sql", "1", "m", Direction.UP, (batch,), sql)
    return check([migration], catalog_from_dump(GIVEN, version), Options(version)).statements[-1]


@pytest.mark.parametrize(
    ("sql", "newer"),
    [
        ("REINDEX TABLE CONCURRENTLY t", 12),
        ("ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (b * 2) STORED", 12),
        ("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", 14),
        ("MERGE INTO t USING n ON t.id = n.k WHEN MATCHED THEN DELETE", 15),
        ("ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (b * 2) VIRTUAL", 18),
        ("ALTER TABLE t ADD CONSTRAINT x NOT NULL b NOT VALID", 18),
        ("ALTER TABLE p ADD FOREIGN KEY (k) REFERENCES t (id) NOT VALID", 18),
    ],
)
def test_what_is_refused_before(sql, newer):
    assert last(sql, newer - 1).effects.error
    assert last(sql, newer).effects.error is None


@pytest.mark.parametrize(
    ("sql", "newer", "before"),
    [
        ("ALTER TABLE t ALTER COLUMN b SET NOT NULL", 12, ()),
        ("ALTER TABLE t ALTER COLUMN a TYPE timestamptz", 12, ("SET timezone = 'UTC'",)),
    ],
)
def test_what_reads_or_writes_the_table_before(sql, newer, before):
    assert last(sql, newer - 1, *before).effects.scans == ("public.t",)
    assert last(sql, newer, *before).effects.scans == ()


@pytest.mark.parametrize(
    ("sql", "newer", "relation", "old", "new"),
    [
        ("ALTER INDEX i RENAME TO j", 12, "public.i", "AccessExclusiveLock",
         "ShareUpdateExclusiveLock"),
        ("ALTER TABLE p ATTACH PARTITION n FOR VALUES IN (2)", 12, "public.p",
         "AccessExclusiveLock", "ShareUpdateExclusiveLock"),
        ("ALTER TABLE p ADD UNIQUE (k)", 18, "public.p1", "ShareLock", "AccessExclusiveLock"),
    ],
)  # fmt: skip
def test_other_locks_before(sql, newer, relation, old, new):
    for version, mode in ((newer - 1, old), (newer, new)):
        locks = {lock.relation: lock.mode for lock in last(sql, version).effects.locks}
        assert locks[relation] == mode
