"""What each tool's own rules mean for transactions, order and mistakes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.schema.conventions import conventions
from holdfast.schema.migration import Direction, Migration
from holdfast.schema.reading.files import File, Folder
from holdfast.schema.reading.grouping import histories


def folders(files: Mapping[str, str], around: Mapping[str, str] | None = None) -> list[Folder]:
    by_folder: dict[str, dict[str, File]] = {}
    for path, text in files.items():
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, {})[name] = File(path, text)
    return [
        Folder(path, inside, frozenset(inside), around or {}) for path, inside in by_folder.items()
    ]


def migrations(
    files: Mapping[str, str],
    around: Mapping[str, str] | None = None,
    tool: str = "",
    **more: object,
) -> list[Migration]:
    found = histories(folders(files, around), tool=tool, settings={tool: more} if more else None)
    return [one for each in found for one in each.migrations]


def ids(every: list[Migration]) -> list[str]:
    return [found.id for one in every for found in one.findings]


def shape(one: Migration) -> list[tuple[bool, list[str]]]:
    return [(batch.transaction, [each.sql for each in batch.fragments]) for batch in one.batches]


@pytest.mark.parametrize(
    ("files", "around", "tool"),
    [
        ({"db/1.sql": "select 1"}, {}, "sql"),
        ({"db/V1__a.sql": ""}, {}, "flyway"),
        ({"db/R__a.sql": ""}, {}, "flyway"),
        ({"db/1_a.up.sql": ""}, {}, "golang-migrate"),
        ({"db/1_a.up.sql": ""}, {"Cargo.toml": "sqlx = 1"}, "sqlx"),
        ({"db/1_a.sql": "-- migrate:up\n"}, {}, "dbmate"),
        ({"db/1_a.sql": "-- +goose Up\n"}, {}, "goose"),
        ({"db/1_a.sql": "-- +GOOSE up\n"}, {}, "goose"),
        ({"m/20240101000000_a/migration.sql": ""}, {}, "prisma"),
        ({"m/2024-01-01-000000_a/up.sql": ""}, {}, "diesel"),
        ({"m/1700000000000_a.sql": "-- Up Migration\n"}, {}, "node-pg-migrate"),
        ({"m/a.sql": "--liquibase formatted sql\n"}, {}, "liquibase"),
        ({"db/changelog.xml": "<x/>"}, {}, "liquibase"),
        ({"db/structure.sql": ""}, {}, "rails"),
    ],
)
def test_a_layout_says_whose_it_is(
    files: Mapping[str, str], around: Mapping[str, str], tool: str
) -> None:
    assert [each.tool.id for each in histories(folders(files, around))] == [tool]


def test_a_tool_that_is_named_is_not_guessed() -> None:
    found = histories(folders({"db/1_a.sql": "-- +goose Up\nselect 1;"}), tool="sql")
    assert [each.tool.id for each in found] == ["sql"]


def test_plain_sql_comes_in_the_order_of_its_numbers() -> None:
    every = migrations({"db/10_b.sql": "b", "db/2_a.sql": "a; b", "db/2_a.undo.sql": "c"})
    assert [one.title for one in every] == ["2_a", "2_a.undo", "10_b"]
    assert shape(every[0]) == [(False, ["a", "b"])]
    assert every[1].direction is Direction.DOWN


def test_plain_sql_may_be_one_transaction_a_file() -> None:
    (one,) = migrations({"db/1.sql": "a; b"}, tool="sql", transaction="file")
    assert shape(one) == [(True, ["a", "b"])]


def test_a_dump_is_no_migration() -> None:
    (one,) = migrations({"db/schema.sql": "--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n"})
    assert (one.batches, ids([one])) == ((), ["schema.unseen"])


def test_flyway_takes_what_must_be_alone_out_of_the_transaction() -> None:
    every = migrations(
        {
            "db/V1__a.sql": "create index concurrently i on t (a)",
            "db/V2__b.sql": "create table t (); vacuum t",
            "db/V3__c.sql": "set lock_timeout = 1; drop index concurrently i",
            "db/V4__d.sql": "a",
            "db/V4__d.sql.conf": "# none\nexecuteInTransaction=false\n",
        }
    )
    assert [shape(one)[0][0] for one in every] == [False, False, False, False]
    assert ids(every) == ["schema.mixed_transaction"]


def test_flyway_s_configuration_is_read() -> None:
    around = {
        "flyway.toml": '[flyway]\nmixed = true\nsqlMigrationPrefix = "M"\n'
        '[flyway.placeholders]\nwhere = "shop"\n'
    }
    (one,) = migrations({"db/M1__a.sql": "select 1; vacuum ${where}.t"}, around, tool="flyway")
    assert one.findings == ()
    assert shape(one)[0][1][1] == "vacuum shop    .t"


def test_flyway_orders_versions_by_their_numbers() -> None:
    names = ["V2__a", "V10__a", "V1.10__a", "V1.9__a", "V1_9_1__a", "R__z", "R__b", "U2__a"]
    every = migrations({f"db/{name}.sql": "a" for name in names})
    assert [one.path[3:-4] for one in every] == [
        "V1.9__a", "V1_9_1__a", "V1.10__a", "V2__a", "U2__a", "V10__a", "R__b", "R__z",
    ]  # fmt: skip


def test_flyway_knows_one_version_in_two_spellings() -> None:
    assert "schema.duplicate_version" in ids(migrations({"V1__a.sql": "a", "V1.0__b.sql": "b"}))


@pytest.mark.parametrize(
    ("text", "transaction"),
    [("a", False), ("a; b", True), ("begin; a; commit", False), ("a;\n-- b\n", False)],
)
def test_a_file_sent_at_once_is_one_transaction_if_it_holds_several(
    text: str, transaction: bool
) -> None:
    for files in ({"1_a.up.sql": text}, {"20240101000000_a/migration.sql": text}):
        (one,) = migrations(files)
        assert shape(one)[0][0] is transaction


def test_golang_migrate_can_send_statements_one_by_one() -> None:
    every = migrations({"1_a.up.sql": "a; b"}, tool="golang-migrate", **{"multi-statement": True})
    assert shape(every[0]) == [(False, ["a", "b"])]


def test_what_is_there_twice_or_only_halfway_is_said() -> None:
    every = migrations(
        {"1_a.up.sql": "a", "01_b.up.sql": "b", "1_a.down.sql": "a", "2_c.up.sql": "c",
         "3_d.down.sql": "d", "notes.sql": ""}
    )  # fmt: skip
    assert sorted(ids(every)) == [
        "schema.bad_name", "schema.duplicate_version", "schema.missing_down", "schema.missing_up",
    ]  # fmt: skip


def test_dbmate_s_two_halves() -> None:
    up, down = migrations(
        {"1_a.sql": "-- migrate:up transaction:false\na;\nb;\n-- migrate:down\nc;\n"}
    )
    assert (up.direction, shape(up)) == (Direction.UP, [(True, ["a", "b"])])
    assert (down.direction, shape(down)) == (Direction.DOWN, [(True, ["c"])])


@pytest.mark.parametrize(
    "text", ["-- migrate:down\na", "-- migrate:up transaction:maybe\na"]
)  # fmt: skip
def test_a_wrong_mark_of_dbmate_is_said(text: str) -> None:
    assert ids(migrations({"1_a.sql": text})) == ["schema.bad_header"]


def test_goose_runs_each_alone_without_a_transaction() -> None:
    text = "-- +goose NO TRANSACTION\n-- +goose Up\na;\n-- +goose StatementBegin\nb;\n"
    up, down = migrations({"1_a.sql": text + "-- +goose StatementEnd\nc;\n-- +goose Down\nd;"})
    assert shape(up) == [(False, ["a", "b", "c"])]
    assert shape(down) == [(False, ["d"])]


@pytest.mark.parametrize(
    "text",
    [
        "-- +goose Up\n-- +goose Up\na;",
        "-- +goose Down\na;\n-- +goose Up\nb;",
        "-- +goose Up\n-- +goose StatementBegin\na;",
        "-- +goose Up\n-- +goose StatementEnd\na;",
        "-- +goose Up\n  -- +goose Down\na;",
        "-- +goose Upp\na;",
    ],
)
def test_a_wrong_mark_of_goose_is_said(text: str) -> None:
    assert ids(migrations({"1_a.sql": text}))[0] == "schema.bad_header"


def test_sqlx_without_a_transaction_sends_at_once() -> None:
    around = {"Cargo.toml": "sqlx"}
    one, two, three = migrations(
        {"1_a.sql": "a; b", "2_b.sql": "-- no-transaction\na", "3_c.sql": "-- no-transaction\na;b"},
        around,
    )
    assert [shape(each)[0][0] for each in (one, two, three)] == [True, False, True]


def test_diesel_s_metadata_opens_the_transaction() -> None:
    files = {
        "m/1_a/up.sql": "a",
        "m/1_a/down.sql": "b",
        "m/1_a/metadata.toml": "run_in_transaction = false",
    }
    up, down = migrations(files)
    assert (up.version, shape(up), shape(down)) == ("1", [(False, ["a"])], [(False, ["b"])])
    assert ids(migrations({**files, "m/1_a/metadata.toml": "run = ="})) == ["schema.bad_header"] * 2


def test_node_pg_migrate_names_what_it_cannot_read() -> None:
    around = {"package.json": "node-pg-migrate"}
    every = migrations({"1700000000000_a.sql": "a;b", "1700000000001_b.ts": ""}, around)
    assert shape(every[0]) == [(True, ["a", "b"])]
    assert ids(every) == ["schema.unseen"]


def test_liquibase_s_changesets() -> None:
    text = (
        "--liquibase formatted sql\n--changeset a:1\na;\n--rollback b;\n"
        "--changeset a:2 runInTransaction:false endDelimiter:GO\nc;d\nGO\ne\n"
        "--changeset a:3 dbms:oracle\nf;\n--changeset a:1\ng;\n--changeset nobody\nh;\n"
    )
    every = migrations({"a.sql": text})
    assert [(one.version, one.direction.value) for one in every] == [
        ("a:1", "up"), ("a:1", "down"), ("a:2", "up"), ("a:1", "up"),
    ]  # fmt: skip
    assert shape(every[2]) == [(False, ["c", "d", "e"])]
    assert sorted(ids(every)) == ["schema.bad_header", "schema.duplicate_version"]


def test_rails_compares_its_pictures() -> None:
    before = "CREATE TABLE public.t (\n    id bigint NOT NULL,\n    old text,\n    n integer\n);\n"
    after = (
        "CREATE TABLE public.t (\n    id bigint NOT NULL,\n    n bigint DEFAULT 1 NOT NULL,\n"
        "    new text\n);\nCREATE INDEX i ON public.t USING btree (new);\n"
    )
    (one,) = migrations(
        {"db/structure.sql": after}, tool="rails", before={"db/structure.sql": before}
    )
    assert [(each.line, each.sql) for each in one.batches[0].fragments] == [
        (3, "ALTER TABLE public.t ALTER COLUMN n TYPE bigint"),
        (3, "ALTER TABLE public.t ALTER COLUMN n SET NOT NULL"),
        (3, "ALTER TABLE public.t ALTER COLUMN n SET DEFAULT 1"),
        (4, "ALTER TABLE public.t ADD COLUMN new text"),
        (1, "ALTER TABLE public.t DROP COLUMN old"),
        (6, "CREATE INDEX i ON public.t USING btree (new)"),
    ]


WORDS = st.sampled_from(
    """
-- +goose Up|-- +goose Down|-- +goose StatementBegin|-- migrate:up|-- migrate:down|'|$$|/*|{{|}}
--liquibase formatted sql|--changeset a:1|--rollback|-- Up Migration|select 1;|create table t (|);
${x}|\\.|copy t from stdin;|-- no-transaction|\r|\ufeff|é|op.execute(|import x|def upgrade():|  |
class Migration(migrations.Migration):|operations = [|migrations.AddField("a", "b", models.|)
op.add_column("t", sa.Column(|"x", sa.Integer(), |revision = "1"|down_revision = "1"
""".replace("\n", "|").split("|")
)
NAMES = st.sampled_from(
    ["1_a.sql", "V1__a.sql", "R__.sql", "1_a.up.sql", "1_a.down.sql", "a.sql", "up.sql", "down.sql",
     "migration.sql", "structure.sql", "changelog.xml", "0001_a.py", "1_a.sql.conf",
     "metadata.toml", "1700000000000_a.js", "V__.sql", "__init__.py", "_.sql"]
)  # fmt: skip


@given(
    tool=st.sampled_from(sorted(conventions())),
    files=st.dictionaries(
        st.builds("{}{}".format, st.sampled_from(["", "m/", "m/1_a/", "x/migrations/"]), NAMES),
        st.lists(WORDS, max_size=12).map("\n".join),
        min_size=1,
        max_size=5,
    ),
    around=st.sampled_from(
        [{}, {"flyway.toml": "[flyway]\nmixed=1"}, {"flyway.conf": "a=b\n=\n!"}]
    ),
)
def test_no_reader_fails_whatever_it_reads(
    tool: str, files: Mapping[str, str], around: Mapping[str, str]
) -> None:
    for each in (*histories(folders(files, around), tool=tool), *histories(folders(files, around))):
        for one in each.migrations:
            assert one.path in files
            for batch in one.batches:
                assert all(fragment.line >= 1 for fragment in batch.fragments)
