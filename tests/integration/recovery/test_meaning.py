"""The owner's queries and the foreign keys of a copy: what is asked, and what nobody gets by it."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.engines.postgresql import sandbox_meaning
from holdfast.spec.model import Canary
from tests.integration.recovery.origin import Origin

pytestmark = [pytest.mark.timeout(120), pytest.mark.requires("initdb", "pgbackrest")]

KEYS = """
create schema "Odd s";
create table "Odd s"."Pa""r ent" (a int, "B b" text, primary key (a, "B b"));
create table "Odd s".simple (x int, y text,
    foreign key (x, y) references "Odd s"."Pa""r ent" (a, "B b"));
create table "Odd s".whole (x int, y text,
    foreign key (x, y) references "Odd s"."Pa""r ent" (a, "B b") match full);
create table split (k int primary key) partition by range (k);
create table split_1 partition of split for values from (0) to (10);
create table points (id bigint references split (k), up int);
create table tree (id int primary key, parent int references tree);
create table later (id int);
insert into later values (-1);
alter table later add constraint later_key foreign key (id) references tree not valid;
insert into "Odd s"."Pa""r ent" values (1, 'one');
insert into "Odd s".simple values (1, 'one'), (null, 'x'), (7, null);
insert into "Odd s".whole values (1, 'one'), (null, null);
insert into split values (1), (2);
insert into points values (1), (null);
insert into tree values (1, null), (2, 1)
"""
ORPHANS = """
set session_replication_role = replica;
insert into "Odd s".simple values (2, 'two');
insert into "Odd s".whole values (3, null), (4, 'four');
insert into points values (9);
insert into tree values (3, 99), (4, 98)
"""


async def keys(origin: Origin) -> dict[str, Any]:
    return await sandbox_meaning.foreign_keys(origin.reading)


async def test_foreign_keys_of_every_kind(origin: Origin):
    origin.sql(KEYS, "shop")
    sound = await keys(origin)
    assert (sound["count"], sound["violated"], sound["open"]) == (4, [], [])
    assert sound["not_looked_at"] == ["shop.public.later.later_key: it is not validated"]
    origin.sql(ORPHANS, "shop")
    found = await keys(origin)
    assert found["violated"] == [
        "shop.Odd s.simple.simple_x_y_fkey is violated by 1 rows",
        "shop.Odd s.whole.whole_x_y_fkey is violated by 2 rows",
        "shop.public.points.points_id_fkey is violated by 1 rows",
        "shop.public.tree.tree_parent_fkey is violated by 2 rows",
    ]
    assert found["open"] == []


@pytest.mark.parametrize(
    ("sql", "expect", "holds"),
    [
        ("select count(*) from item", "20100", True),
        ("select count(*) from item", "20100.0", True),
        ("select true", "true", True),
        ("select null", "", True),
        ("select 1 where false", "", True),
        ("select 'a\\b'::text", "a\\b", True),
        ("select count(*) from item", "1", False),
        ("select '%s'", "%s", True),
    ],
)
async def test_what_a_query_gives(origin: Origin, sql: str, expect: str, holds: bool):
    (answer,) = (await sandbox_meaning.canaries(origin.reading, [Canary(sql, expect)], "shop"))[
        "asked"
    ]
    assert (answer["holds"], answer["problem"]) == (holds, "")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; delete from item",
        "commit; delete from item",
        "delete from item returning 1",
        "create table mine (a int)",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "select nothing from nowhere",
        "copy item to stdout",
    ],
)
async def test_a_query_that_wants_more_than_to_read_proves_nothing(origin: Origin, sql: str):
    asked = await sandbox_meaning.canaries(origin.reading, [Canary(sql, "1")], "shop")
    (answer,) = asked["asked"]
    assert answer["problem"]
    assert not answer["holds"]
    assert origin.value("select count(*) from item", "shop") == 20100
