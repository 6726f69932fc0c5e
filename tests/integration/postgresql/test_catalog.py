"""The catalog on a real server: made once it stays, tampered with it is seen and mended."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.change import state
from holdfast.engines.postgresql.catalog.perform import perform
from tests.integration.postgresql.catalog_site import Site, difference


@dataclass(frozen=True)
class Tamper:
    """Something done by hand: where, what, and which resources have to show it.

    `{x}` stands for the catalog_cluster's name; ids are patterns of the same kind.
    """

    name: str
    statements: tuple[str, ...]
    shows: tuple[str, ...]
    database: str = "postgres"


IN = "{x}"
TAMPERS = (
    Tamper("superuser", ('alter role "{x}_app_a" superuser',), ("role/{x}_app_a",)),
    Tamper("nologin", ('alter role "{x}_app_b" nologin',), ("role/{x}_app_b",)),
    Tamper("login", ('alter role "{x}_owner" login createdb',), ("role/{x}_owner",)),
    Tamper("createrole", ('alter role "{x}_rw" createrole',), ("role/{x}_rw",)),
    Tamper("limit", ('alter role "{x}_read_a" connection limit 1',), ("role/{x}_read_a",)),
    Tamper(
        "valid until",
        ("""alter role "{x}_app_a" valid until '2020-01-01 12:00+00'""",),
        ("role/{x}_app_a",),
    ),
    Tamper("password", ("""alter role "{x}_app_a" password 'mine'""",), ("role/{x}_app_a",)),
    Tamper("no password", ('alter role "{x}_app_a" password null',), ("role/{x}_app_a",)),
    Tamper("a password", ("""alter role "{x}_ro" password 'x'""",), ("role/{x}_ro",)),
    Tamper("role reset", ('alter role "{x}_migrator" reset all',), ("role/{x}_migrator",)),
    Tamper(
        "role set",
        ("""alter role "{x}_app_a" set synchronous_commit to off""",),
        ("role/{x}_app_a",),
    ),
    Tamper(
        "role set in database",
        ("""alter role "{x}_app_a" in database "{x}" set work_mem to '1GB'""",),
        ("role/{x}_app_a",),
    ),
    Tamper("role renamed", ('alter role "{x}_read_b" rename to "{x}_gone"',), ("role/{x}_read_b",)),
    Tamper("revoked", ('revoke "{x}_rw" from "{x}_app_a"',), ("membership/{x}_rw/{x}_app_a",)),
    Tamper(
        "admin option",
        ('grant "{x}_rw" to "{x}_app_a" with admin option',),
        ("membership/{x}_rw/{x}_app_a",),
    ),
    Tamper(
        "escalated",
        ('grant "{x}_owner" to "{x}_app_a"',),
        ("membership/{x}_owner/{x}_app_a",),
    ),
    Tamper(
        "predefined",
        ('grant pg_write_server_files to "{x}_rw"',),
        ("membership/pg_write_server_files/{x}_rw",),
    ),
    Tamper("owner", ('alter database "{x}" owner to postgres',), ("database/{x}",)),
    Tamper(
        "database closed",
        ('alter database "{x}-two" with allow_connections false',),
        ("database/{x}-two",),
    ),
    Tamper(
        "database set",
        ('alter database "{x}" set synchronous_commit to off',),
        ("database/{x}",),
    ),
    Tamper(
        "public connects",
        ('grant connect on database "{x}" to public',),
        ("database/{x}/grants/database",),
    ),
    Tamper(
        "public connects to a template",
        ("grant connect on database template1 to public",),
        ("database/template1/grants/database",),
    ),
    Tamper(
        "connect dropped",
        ('revoke connect on database "{x}" from "{x}_rw"',),
        ("database/{x}/grants/database",),
    ),
    Tamper(
        "grant option",
        ('grant create on database "{x}" to "{x}_app_a" with grant option',),
        ("database/{x}/grants/database",),
    ),
    Tamper(
        "public creates",
        ("grant create on schema public to public",),
        ("database/{x}/schema/public/grants",),
        IN,
    ),
    Tamper(
        "schema usage dropped",
        ('revoke usage on schema sales from "{x}_ro"',),
        ("database/{x}/schema/sales/grants",),
        IN,
    ),
    Tamper(
        "owner without create",
        ('revoke all on schema "odd ""name"" in it" from "{x}_owner"',),
        ('database/{x}/schema/odd "name" in it/grants',),
        IN,
    ),
    Tamper(
        "schema owner",
        ("alter schema sales owner to postgres",),
        ("database/{x}/schema/sales",),
        IN,
    ),
    Tamper(
        "schema dropped",
        ('drop schema "odd ""name"" in it"',),
        ('database/{x}/schema/odd "name" in it',),
        IN,
    ),
    Tamper("extension", ("drop extension citext",), ("database/{x}/extension/citext",), IN),
    Tamper(
        "extension moved",
        ("alter extension pg_trgm set schema public",),
        ("database/{x}/extension/pg_trgm",),
        IN,
    ),
    Tamper(
        "default privileges dropped",
        ('alter default privileges for role "{x}_owner" revoke all on tables from "{x}_rw"',),
        ("database/{x}/default-privileges/{x}_owner",),
        IN,
    ),
    Tamper(
        "default privileges for all",
        ('alter default privileges for role "{x}_owner" grant execute on functions to public',),
        ("database/{x}/default-privileges/{x}_owner",),
        IN,
    ),
    Tamper(
        "default privileges in a schema",
        (
            (
                'alter default privileges for role "{x}_owner" in schema "odd ""name"" in it" '
                'grant insert on tables to "{x}_ro"'
            ),
        ),
        ("database/{x}/default-privileges/{x}_owner",),
        IN,
    ),
    Tamper(
        "table grant dropped",
        ('set role "{x}_owner"; create table t (id int)', 'revoke select on t from "{x}_ro"'),
        ("database/{x}/schema/public/objects",),
        IN,
    ),
    Tamper(
        "reader writes",
        ('set role "{x}_owner"; create table r (id int)', 'grant delete on r to "{x}_read_a"'),
        ("database/{x}/schema/public/objects",),
        IN,
    ),
    Tamper(
        "sequence and function",
        (
            (
                'set role "{x}_owner"; create sequence "odd S"; '
                'create function "odd F"(a int, b text[]) returns int language sql return 1'
            ),
            'revoke usage on sequence "odd S" from "{x}_rw"',
            'revoke execute on function "odd F" from "{x}_rw"',
        ),
        ("database/{x}/schema/public/objects",),
        IN,
    ),
    Tamper(
        "function open",
        ("grant execute on function holdfast.pool_login to public",),
        ("database/{x}/function/holdfast.pool_login",),
        IN,
    ),
    Tamper(
        "function replaced",
        (
            (
                "create or replace function holdfast.pool_login(text) "
                "returns table(usename name, passwd text) language sql as 'select null, null'"
            ),
        ),
        ("database/{x}/function/holdfast.pool_login",),
        IN,
    ),
    Tamper(
        "function gone",
        ("drop schema holdfast cascade",),
        ("database/{x}/schema/holdfast", "database/{x}/function/holdfast.pool_login"),
        IN,
    ),
    Tamper(
        "rewind",
        (
            "revoke execute on function pg_ls_dir(text, boolean, boolean) from holdfast_rewind",
            'grant execute on function pg_read_file(text) to "{x}_app_a"',
        ),
        ("database/postgres/grants/functions",),
    ),
    Tamper(
        "everybody's settings",
        ("alter role all set synchronous_commit to off",),
        ("settings/all-roles",),
    ),
)


async def test_what_was_performed_is_what_is_observed(catalog: Site) -> None:
    assert await catalog.changes() == []
    found = await catalog.observed()
    assert {each.id for each in catalog.wanted} == set(found)
    # Everything may be carried out twice, and nothing moves.
    for change in difference(state(catalog.wanted), {}):
        await perform(change, catalog.server.connect, catalog.secret)
    assert await catalog.changes() == []


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.name)
async def test_what_is_done_by_hand_is_seen_and_mended(catalog: Site, tamper: Tamper) -> None:
    await do(catalog, tamper)
    seen = {change.target for change in await catalog.apply()}
    assert {target.replace("{x}", catalog.spec.name) for target in tamper.shows} <= seen
    assert await catalog.changes() == []


async def do(catalog: Site, tamper: Tamper) -> None:
    name = catalog.spec.name
    database = tamper.database.replace("{x}", name)
    async with catalog.server.connect(database) as connection:
        for statement in tamper.statements:
            await connection.execute(statement.replace("{x}", name))  # type: ignore[arg-type]
            await connection.execute("reset role")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(TAMPERS), min_size=2, max_size=8), st.integers(0, 30))
def test_any_mixture_is_mended_even_when_the_mending_is_interrupted(
    catalog_cluster: Site, tampers: list[Tamper], performed: int
) -> None:
    async def story() -> None:
        for tamper in tampers:
            # What one did can keep another from being done at all.
            with contextlib.suppress(psycopg.Error):
                await do(catalog_cluster, tamper)
        for change in (await catalog_cluster.changes())[:performed]:
            await perform(change, catalog_cluster.server.connect, catalog_cluster.secret)
        await catalog_cluster.apply()
        assert await catalog_cluster.changes() == []

    asyncio.run(asyncio.wait_for(story(), 50))
