"""Whatever the text is, `check` answers: statements of a grammar, and spoilt ones."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.schema.catalog import Catalog
from holdfast.schema.check import Options, check
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.rule import SHOP

CORPUS = sorted(
    {
        statement.strip()
        for file in (Path(__file__).parents[2] / "oracle").glob("*.sql")
        for statement in file.read_text().split(";\n")
        if statement.strip()
    }
)
KNOWN = catalog_from_dump(SHOP)
NAMES = st.sampled_from(["orders", "customers", "app.t", '"Odd Name"', "nowhere", "public.orders"])
COLUMNS = st.sampled_from(["id", "status", "total", "note", "nothing", '"a b"'])
TYPES = st.sampled_from(
    [
        "int",
        "bigint",
        "text",
        "varchar(5)",
        "numeric(8,2)",
        "serial",
        "mood",
        "int[]",
        "timestamptz",
    ]
)
VALUES = st.sampled_from(["1", "now()", "random()", "NULL", "'x'::text", "f(1)", "(SELECT 1)"])
EXTRAS = st.sampled_from(
    ["", " NOT NULL", " UNIQUE", " PRIMARY KEY", " REFERENCES customers", " CHECK (id > 0)",
     " GENERATED ALWAYS AS IDENTITY", " GENERATED ALWAYS AS (1) STORED"]
)  # fmt: skip
COLUMN = st.builds("{} {}{}".format, COLUMNS, TYPES, EXTRAS)
COMMANDS = st.one_of(
    st.builds("ADD COLUMN {}".format, COLUMN),
    st.builds("ADD COLUMN {} int DEFAULT {}".format, COLUMNS, VALUES),
    st.builds("DROP COLUMN {} CASCADE".format, COLUMNS),
    st.builds("ALTER COLUMN {} TYPE {} USING {}".format, COLUMNS, TYPES, VALUES),
    st.builds("ALTER COLUMN {} SET DEFAULT {}".format, COLUMNS, VALUES),
    st.builds("ALTER COLUMN {} SET NOT NULL".format, COLUMNS),
    st.builds("ADD CONSTRAINT c FOREIGN KEY ({}) REFERENCES {} NOT VALID".format, COLUMNS, NAMES),
    st.builds("ADD UNIQUE ({})".format, COLUMNS),
    st.sampled_from(["SET UNLOGGED", "VALIDATE CONSTRAINT c", "DROP CONSTRAINT c CASCADE",
                     "ENABLE ROW LEVEL SECURITY", "DISABLE TRIGGER ALL", "OWNER TO x"]),
)  # fmt: skip
STATEMENTS = st.one_of(
    st.builds("ALTER TABLE {} {}, {}".format, NAMES, COMMANDS, COMMANDS),
    st.builds("ALTER TABLE {} {}".format, NAMES, COMMANDS),
    st.builds("CREATE TABLE {} ({}, {})".format, NAMES, COLUMN, COLUMN),
    st.builds("CREATE TABLE p PARTITION OF {} DEFAULT".format, NAMES),
    st.builds("CREATE VIEW v AS SELECT {} FROM {}".format, COLUMNS, NAMES),
    st.builds("CREATE INDEX CONCURRENTLY i ON {} ({})".format, NAMES, COLUMNS),
    st.builds("ALTER TABLE {} RENAME TO {}".format, NAMES, COLUMNS),
    st.builds("ALTER TABLE {} RENAME COLUMN {} TO {}".format, NAMES, COLUMNS, COLUMNS),
    st.builds("DROP TABLE {} CASCADE".format, NAMES),
    st.builds("UPDATE {} SET {} = {}".format, NAMES, COLUMNS, VALUES),
    st.builds("DO $$ BEGIN {}; END $$".format, st.sampled_from(CORPUS)),
    st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "ROLLBACK TO x",
                     "SET search_path = ''", "SET lock_timeout = 'x'", "RESET ALL"]),
    st.sampled_from(CORPUS),
)  # fmt: skip


def answered(statements: list[str], facts: Catalog, version: int, transaction: bool) -> None:
    fragments = tuple(Fragment(sql, line, 1, 0) for line, sql in enumerate(statements, 1))
    migration = Migration(
        "m.sql", "1", "m", Direction.UP, (Batch(fragments, transaction),), "\n".join(statements)
    )
    report = check([migration], facts, Options(version, style=True))
    assert len(report.statements) >= len([sql for sql in statements if sql.strip()]) - 1


@settings(max_examples=150)
@given(
    st.lists(STATEMENTS, min_size=1, max_size=8),
    st.booleans(),
    st.integers(11, 18),
    st.booleans(),
)
def test_statements_of_a_grammar(statements, known, version, transaction):
    answered(statements, KNOWN if known else Catalog(), version, transaction)


@settings(max_examples=150)
@given(st.sampled_from(CORPUS), st.data())
def test_spoilt_statements(statement, data):
    text = list(statement)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(text) - 1, 0)))
        text[place : place + 1] = data.draw(st.text(max_size=3))
    answered(["".join(text)], KNOWN, 16, transaction=False)


def test_every_statement_of_the_corpus_in_any_order():
    for version in (11, 14, 18):
        answered(CORPUS, KNOWN, version, transaction=False)
        answered(CORPUS[::-1], Catalog(), version, transaction=True)


def test_deep_and_long_texts():
    answered(["SELECT " + "(" * 5000 + "1" + ")" * 5000], KNOWN, 16, transaction=False)
    answered(["SELECT 1" + " + 1" * 3000], KNOWN, 16, transaction=False)
    answered(["SELECT 'a\0b'"], KNOWN, 16, transaction=False)
    answered(["SELECT '\ud800'"], KNOWN, 16, transaction=False)
