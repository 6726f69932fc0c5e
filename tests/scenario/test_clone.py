"""A copy for people who may not see what is in the original."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.scenario.site import RealSite

RULES = """\
columns:
  people.public.person.name: fake:name
  people.public.person.email: hash
  people.public.person.born: null
  people.public.invoice.email: hash
  people.*.invoice.total: keep
"""


@pytest.fixture(scope="module")
def source(site: RealSite) -> Iterator[RealSite]:
    site.apply(site.document("people"))
    with psycopg.connect(site.dsn("people", "--role", "migrator"), autocommit=True) as connection:
        connection.execute(
            "create table person (id int primary key, name text not null, "
            "email varchar(70) unique, born date);"
            "create table invoice (id int primary key, "
            "email varchar(70) references person (email), total numeric);"
            "insert into person select g, 'Real ' || g, 'real-' || g || '@company.test', "
            "date '1980-01-01' + g from generate_series(1, 500) g;"
            "insert into invoice select g, 'real-' || g || '@company.test', g "
            "from generate_series(1, 500) g;"
            "create materialized view names as select name from person;"
            "create function shout() returns trigger language plpgsql as "
            "$$begin raise exception 'a trigger fired'; end$$;"
            "create trigger shout before update on person for each row execute function shout()"
        )
        connection.execute("analyze person")
    try:
        yield site
    finally:
        for name in ("people", "people_test", "people_copy", "people_bad"):
            site.run("delete", name, "--purge", "--yes", exit_code=None)


def test_a_clone_is_masked_before_anybody_gets_in(source: RealSite):
    rules = source.folder / "mask.yaml"
    rules.write_text(RULES)
    operation = source.json(
        "clone", "people", "people_test", "--mask", rules, "--expires", "7d", "--from-backup"
    )
    masked = operation["outcome"]["masked"]
    assert masked["columns"]["people.public.person.name"] == "fake:name"
    assert masked["emptied_views"] == ["people.public.names"]
    with psycopg.connect(source.dsn("people_test"), autocommit=True) as connection:

        def value(query: str) -> object:
            row = connection.execute(query).fetchone()
            assert row is not None
            return row[0]

        assert value("select count(*) from person") == 500
        assert value("select count(*) from person where name like 'Real%' or born is not null") == 0
        assert value("select count(*) from person where email like '%company%'") == 0
        # Equal values have become equal ones, and the foreign key still holds.
        assert value("select count(*) from person p join invoice i using (id, email)") == 500
        assert value("select count(distinct email) from person") == 500
        assert value("select sum(total) from invoice") == 500 * 501 / 2
    address = source.leader("people_test")["address"]
    told = source.sql(
        address, "select most_common_vals::text, histogram_bounds::text from pg_stats "
        "where tablename in ('person', 'invoice')", "people",
    )  # fmt: skip
    assert "company.test" not in str(told)
    assert "Real" not in str(told)


def test_nothing_of_the_original_is_left_in_its_files(source: RealSite):
    home = Path(source.layout.node("people_test", 1).data)
    source.sql(source.leader("people_test")["address"], "checkpoint")
    for file in (*home.glob("base/*/*"), *home.glob("pg_wal/0*")):
        if file.is_file():
            assert b"@company.test" not in file.read_bytes(), file


def test_a_clone_of_the_running_server_has_everything(source: RealSite):
    with psycopg.connect(source.dsn("people"), autocommit=True) as connection:
        connection.execute("insert into person values (501, 'Late', 'late@company.test')")
    operation = source.json("clone", "people", "people_copy")
    outcome = operation["outcome"]
    assert outcome["copied"]["node"] == "people-1"
    assert outcome["reached"]["stopped"].startswith("after reaching consistency")
    with psycopg.connect(source.dsn("people_copy")) as connection:
        assert connection.execute("select count(*) from person").fetchone() == (501,)
    assert source.describe("people")["alarms"] == []


def test_it_says_when_it_ends(source: RealSite):
    rows = source.control_rows(
        "select spec->'database'->>'expires' from holdfast.database where name = 'people_test'"
    )
    ends = date.fromisoformat(rows[0][0])
    assert timedelta(days=6) <= ends - datetime.now(UTC).date() <= timedelta(days=9)


def test_rules_that_do_not_fit_open_nothing(source: RealSite):
    rules = source.folder / "bad.yaml"
    rules.write_text("columns:\n  people.public.person.nmae: hash\n")
    ran = source.run("clone", "people", "people_bad", "--mask", rules, exit_code=2)
    assert "there is no column people.public.person.nmae" in ran.err
    assert "people_bad" not in [each["name"] for each in source.json("get", "databases")]
    assert not Path(source.layout.cluster("people_bad")).exists()
