"""Alembic's and Django's files, read without running them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.app.check_read import read
from holdfast.app.check_settings import CheckSettings
from holdfast.app.check_tools import with_tools
from holdfast.schema.migration import Direction, Migration
from tests.unit.schema.reading.test_tools import ids, migrations, shape

ROOT = Path(__file__).parents[4]


def revision(name: str, before: str | None, body: str = "pass", head: str = "") -> str:
    return (
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {name!r}\n"
        f"down_revision = {before!r}\n{head}\ndef upgrade():\n    {body}\n"
    )


INDEX = (
    "op.create_index(op.f('ix'), 't', [sa.text('lower(a)'), 'b'], unique=True, "
    "postgresql_where=sa.text('a > 1'), postgresql_using='btree')"
)


def upgraded(body: str, head: str = "") -> list[tuple[bool, list[str]]]:
    every = migrations({"versions/a.py": revision("a", None, body, head)})
    return [part for one in every for part in shape(one)]


@pytest.mark.parametrize(
    ("body", "sql"),
    [
        ("op.add_column('t', sa.Column('a', sa.Integer(), nullable=False), schema='s')",
         "ALTER TABLE s.t ADD COLUMN a INTEGER NOT NULL"),
        ("op.add_column('T', sa.Column('a', sa.Uuid(), server_default=sa.text('gen()')))",
         'ALTER TABLE "T" ADD COLUMN a UUID DEFAULT gen()'),
        ("op.add_column('t', sa.Column('a', sa.Integer, sa.Identity(always=True)))",
         "ALTER TABLE t ADD COLUMN a INTEGER GENERATED ALWAYS AS IDENTITY"),
        ("op.add_column('t', sa.Column('a', sa.Integer, sa.Computed('b + 1')))",
         "ALTER TABLE t ADD COLUMN a INTEGER GENERATED ALWAYS AS (b + 1) STORED"),
        ("op.add_column('t', sa.Column('a', BIGINT, ForeignKey('s.u.id', ondelete='CASCADE')))",
         "ALTER TABLE t ADD COLUMN a BIGINT REFERENCES s.u (id) ON DELETE CASCADE"),
        ("op.alter_column('t', 'a', existing_type=sa.Text(), nullable=False)",
         "ALTER TABLE t ALTER COLUMN a SET NOT NULL"),
        ("op.alter_column('t', 'a', type_=ARRAY(sa.Numeric(10, 2)), postgresql_using='x')",
         "ALTER TABLE t ALTER COLUMN a TYPE NUMERIC(10, 2)[] USING x"),
        ("op.alter_column('t', 'a', server_default=None)",
         "ALTER TABLE t ALTER COLUMN a DROP DEFAULT"),
        ("op.alter_column('t', 'a', new_column_name='b')", "ALTER TABLE t RENAME a TO b"),
        (INDEX,
         "CREATE UNIQUE INDEX ix ON t USING btree (lower(a), b) WHERE a > 1"),
        ("op.drop_index('ix', table_name='t', if_exists=True)", "DROP INDEX IF EXISTS ix"),
        ("op.create_foreign_key('fk', 'a', 'b', ['x'], ['y'], postgresql_not_valid=True)",
         "ALTER TABLE a ADD CONSTRAINT fk FOREIGN KEY (x) REFERENCES b (y) NOT VALID"),
        ("op.create_foreign_key(None, 'a', 'b', ['x'], ['y'], source_schema='s')",
         "ALTER TABLE s.a ADD FOREIGN KEY (x) REFERENCES b (y)"),
        ("op.create_unique_constraint('u', 't', ['a', 'b'])",
         "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a, b)"),
        ("op.create_check_constraint('c', 't', sa.text('a > 0'))",
         "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)"),
        ("op.drop_constraint('c', 't', type_='check')", "ALTER TABLE t DROP CONSTRAINT c"),
        ("op.rename_table('a', 'b')", "ALTER TABLE a RENAME TO b"),
        ("op.execute(sa.text('select 1'))", "select 1"),
        ("op.execute(f'select {1}' + ' + 1')", "select 1 + 1"),
        ("conn = op.get_bind(); conn.execute(sa.text('select 1'))", "select 1"),
        ("op.get_bind().execute(sa.text('select 1'))", "select 1"),
        ("op.execute(SQL)", "select 2"),
        ("helper('t')", "ALTER TABLE t DROP COLUMN z"),
        ("if x:\n        op.drop_table('t')", "DROP TABLE t"),
        ("op.create_table('t', sa.Column('a', sa.Integer, primary_key=True), "  # noqa: ISC004
         "sa.Column('b', sa.String(3), unique=True))",
         "CREATE TABLE t (a SERIAL NOT NULL PRIMARY KEY, b VARCHAR(3) UNIQUE)"),
        ("op.create_table('t', sa.Column('a', sa.Integer), sa.CheckConstraint('a > 0', name='c'))",
         "CREATE TABLE t (a INTEGER, CONSTRAINT c CHECK (a > 0))"),
        ("op.create_table('t', sa.Column('a', sa.Integer), sa.PrimaryKeyConstraint('a'))",
         "CREATE TABLE t (a SERIAL NOT NULL, PRIMARY KEY (a))"),
    ],
)  # fmt: skip
def test_an_operation_of_alembic_is_its_sql(body: str, sql: str) -> None:
    head = "SQL = 'select 2'\ndef helper(table):\n    op.drop_column(table, 'z')\n"
    assert upgraded(body, head) == [(True, [sql])]


def test_a_loop_of_alembic_is_followed() -> None:
    body = "for t, c in [('a', 'x'), ('b', 'y')]:\n        op.drop_column(t, c)"
    assert upgraded(body) == [
        (True, ["ALTER TABLE a DROP COLUMN x", "ALTER TABLE b DROP COLUMN y"])
    ]


@pytest.mark.parametrize(
    "body",
    [
        "op.execute(make())",
        "op.add_column('t', sa.Column('a', MyType()))",
        "op.add_column(name, sa.Column('a', sa.Integer))",
        "op.frobnicate('t')",
        "op.create_table('t', *columns)",
        "for t in tables():\n        op.drop_table(t)",
    ],
)
def test_what_only_the_program_knows_is_said(body: str) -> None:
    (one,) = migrations({"versions/a.py": revision("a", None, body)})
    assert [each.opaque != "" for each in one.batches[0].fragments] == [True]


def test_the_history_of_alembic_is_followed() -> None:
    files = {
        "versions/1.py": revision("c", "b"),
        "versions/2.py": revision("a", None),
        "versions/3.py": revision("b", "a"),
        "versions/4.py": revision("d", "b"),
        "versions/5.py": revision("e", "lost"),
        "versions/6.py": revision("a", None),
        "versions/7.py": "def upgrade(:\n",
    }
    every = migrations(files)
    order = [one.version for one in every]
    assert order.index("a") < order.index("b") < order.index("c")
    assert sorted(ids(every)) == [
        "schema.bad_header", "schema.broken_history", "schema.duplicate_version",
        "schema.two_heads", "schema.two_heads",
    ]  # fmt: skip
    circle = {"versions/1.py": revision("a", "b"), "versions/2.py": revision("b", "a")}
    assert "schema.broken_history" in ids(migrations(circle))


def django(operations: str, name: str = "0001_a", **more: str) -> dict[str, str]:
    extra = "".join(f"    {key} = {value}\n" for key, value in more.items())
    return {
        f"shop/migrations/{name}.py": "from django.db import migrations, models\n"
        f"class Migration(migrations.Migration):\n{extra}    operations = [{operations}]\n"
    }


MODEL = """migrations.CreateModel("Order", [("id", models.BigAutoField(primary_key=True)),
    ("name", models.CharField(max_length=10)), ("tip", models.IntegerField(null=True)),
    ("tags", models.ManyToManyField("shop.Tag"))]),"""


@pytest.mark.parametrize(
    ("operation", "sql"),
    [
        ("migrations.AddField('order', 'n', models.IntegerField(null=True))",
         ["ALTER TABLE shop_order ADD COLUMN n integer NULL"]),
        ("migrations.AddField('order', 'n', models.PositiveIntegerField(default=1))",
         ["ALTER TABLE shop_order ADD COLUMN n integer DEFAULT 1 NOT NULL CHECK (n >= 0)",
          "ALTER TABLE shop_order ALTER COLUMN n DROP DEFAULT"]),
        ("migrations.AddField('order', 'u', models.ForeignKey('shop.order', P, null=True))",
         ["ALTER TABLE shop_order ADD COLUMN u_id bigint NULL CONSTRAINT "  # noqa: ISC004
          "shop_order_u_id_fk_shop_order_id REFERENCES shop_order (id) "
          "DEFERRABLE INITIALLY DEFERRED",
          "SET CONSTRAINTS shop_order_u_id_fk_shop_order_id IMMEDIATE",
          "CREATE INDEX shop_order_u_id_idx ON shop_order (u_id)"]),
        ("migrations.AlterField('order', 'name', models.CharField(max_length=20))",
         ["ALTER TABLE shop_order ALTER COLUMN name TYPE varchar(20)"]),
        ("migrations.AlterField('order', 'name', models.TextField(null=True))",
         ["ALTER TABLE shop_order ALTER COLUMN name TYPE text USING name::text",
          "ALTER TABLE shop_order ALTER COLUMN name DROP NOT NULL"]),
        ("migrations.AlterField('order', 'name', models.CharField(max_length=10, unique=True))",
         ["ALTER TABLE shop_order ADD CONSTRAINT shop_order_name_uniq UNIQUE (name)"]),
        ("migrations.AlterField('order', 'tip', models.IntegerField(default=1))",
         ["ALTER TABLE shop_order ALTER COLUMN tip SET DEFAULT 1",
          "UPDATE shop_order SET tip = 1 WHERE tip IS NULL", "SET CONSTRAINTS ALL IMMEDIATE",
          "ALTER TABLE shop_order ALTER COLUMN tip SET NOT NULL",
          "ALTER TABLE shop_order ALTER COLUMN tip DROP DEFAULT"]),
        ("migrations.RemoveField('order', 'name')",
         ["ALTER TABLE shop_order DROP COLUMN name CASCADE"]),
        ("migrations.RenameField('order', 'name', 'title')",
         ["ALTER TABLE shop_order RENAME COLUMN name TO title"]),
        ("migrations.RenameModel('Order', 'Sale')", ["ALTER TABLE shop_order RENAME TO shop_sale"]),
        ("migrations.DeleteModel('Order')", ["DROP TABLE shop_order CASCADE"]),
        ("AddIndexConcurrently('order', GinIndex(fields=['name'], name='i'))",
         ["CREATE INDEX CONCURRENTLY i ON shop_order USING gin (name)"]),
        ("migrations.AddConstraint('order', models.UniqueConstraint(fields=['name'], name='u'))",
         ["ALTER TABLE shop_order ADD CONSTRAINT u UNIQUE (name)"]),
        ("migrations.AlterUniqueTogether('order', {('name', 'id')})",
         ["ALTER TABLE shop_order ADD UNIQUE (name, id)"]),
        ("migrations.RunSQL(['a', ('b', None)])", ["a", "b"]),
        ("migrations.SeparateDatabaseAndState([migrations.RunSQL('a')], [migrations.X()])", ["a"]),
        ("TrigramExtension()", ["CREATE EXTENSION IF NOT EXISTS pg_trgm"]),
        ("migrations.RunPython(f)", [""]),
        ("migrations.AlterField('order', 'lost', models.TextField())", [""]),
        ("own.Operation()", [""]),
    ],
)  # fmt: skip
def test_an_operation_of_django_is_its_sql(operation: str, sql: list[str]) -> None:
    files = {
        **django(MODEL),
        **django(operation, "0002_b", dependencies="[('shop', '0001_a')]"),
    }
    _, one = migrations(files)
    assert shape(one) == [(True, sql)]


def test_django_s_tables_for_many_to_many() -> None:
    (one,) = migrations(django(MODEL))
    (part,) = shape(one)
    assert part[1][1].startswith("CREATE TABLE shop_order_tags (id bigint")
    assert part[1][1].endswith("order_id bigint NOT NULL, tag_id bigint NOT NULL)")


def test_the_history_of_django_is_followed() -> None:
    files = {
        **django("", "0003_c", dependencies="[('shop', '0002_b')]"),
        **django("", "0002_b", dependencies="[('shop', '0001_a'), ('auth', '0001_initial')]"),
        **django("", "0001_a", atomic="False"),
        **django("", "0002_x", dependencies="[('shop', '0001_a')]"),
        **django("", "0004_y", dependencies="[('shop', '0009_lost')]"),
    }
    every = migrations(files)
    assert [one.title for one in every][:3] == ["0001_a", "0002_b", "0002_x"]
    assert sorted(ids(every)) == [
        "schema.broken_history", "schema.two_heads", "schema.two_heads",
    ]  # fmt: skip


def words(every: list[Migration]) -> list[tuple[bool, str]]:
    """Statements as words, a primary key said in the column or behind all the same."""
    found = []
    for one in every:
        for batch in one.batches if one.direction is Direction.UP else ():
            for each in batch.fragments:
                sql = re.sub(r"\s+", " ", each.sql).replace("( ", "(").replace(" )", ")")
                sql = sql.replace(" NOT NULL PRIMARY KEY", " NOT NULL")
                found.append((batch.transaction, sql.replace(", PRIMARY KEY (id))", ")")))
    return found


def test_alembic_itself_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    folders = read(["examples/check/alembic"])
    (asked,) = with_tools(folders, CheckSettings())
    assert [found.id for one in asked.migrations for found in one.findings] == []
    own = migrations({
        path: text
        for folder in folders.folders
        for path, text in ((each.path, each.text) for each in folder.files.values())
        if "/versions/" in path
    })  # fmt: skip
    assert words(list(asked.migrations)) == words(own)
    assert [each.line for one in asked.migrations for b in one.batches for each in b.fragments][
        -1
    ] > 1


LIQUIBASE = """#!/bin/sh
echo "$@" >asked
cat <<'END'
-- Change Log: changelog.xml
CREATE TABLE databasechangelog (ID VARCHAR(255) NOT NULL);

-- Changeset changes/a.sql::1::ada
CREATE TABLE a (id bigint);

-- Changeset changelog.xml::2::ada
-- A comment
ALTER TABLE a ADD total numeric;

INSERT INTO databasechangelog (ID) VALUES ('2');

END
"""


def test_liquibase_itself_is_asked_about_a_changelog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/liquibase").write_text(LIQUIBASE)
    (tmp_path / "bin/liquibase").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "db").mkdir()
    (tmp_path / "db/changelog.xml").write_text('<x><changeSet id="2" author="ada"/></x>')
    (history,) = with_tools(read(["db"]), CheckSettings())
    assert words(list(history.migrations)) == [(True, "ALTER TABLE a ADD total numeric")]
    assert ids(list(history.migrations)) == []
    asked = (tmp_path / "db/asked").read_text()
    assert asked.startswith("update-sql --changelog-file=changelog.xml --url=offline:postgresql?")


def test_a_tool_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "a.py").write_text(revision("a", None, "op.drop_table('t')"))
    (history,) = with_tools(read(["versions"]), CheckSettings())
    assert ids(list(history.migrations)) == ["schema.unseen"]
    assert words(list(history.migrations)) == [(True, "DROP TABLE t")]
