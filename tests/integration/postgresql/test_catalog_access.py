"""What the roles may and may not do, and what the platform leaves alone."""

from __future__ import annotations

import secrets

import psycopg
import pytest

from holdfast.engines.postgresql.catalog.leftovers import leftovers
from holdfast.engines.postgresql.catalog.names import password_ref
from tests.integration.postgresql.catalog_site import Site


async def session(catalog: Site, role: str, database: str | None = None) -> psycopg.AsyncConnection:
    """Log in over TCP with the platform's password, as an application would."""
    password = catalog.passwords[password_ref(catalog.spec.name, role)].password
    dsn = catalog.server.dsn_of(role, password, catalog.server.host)
    return await psycopg.AsyncConnection.connect(
        f"{dsn} dbname={database or catalog.spec.name}",
        autocommit=True,
        options="-c statement_timeout=10s",
    )


async def refused(connection: psycopg.AsyncConnection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute(statement)  # type: ignore[call-overload]


async def test_each_role_can_do_its_work_and_no_more(catalog: Site) -> None:
    names, table = catalog.names, f"t{secrets.token_hex(4)}"
    async with await session(catalog, names.migrator) as migrator:
        await migrator.execute(f"create table {table} (id bigserial primary key, v text)")
        await migrator.execute(f"create schema {table}_own")
        await migrator.execute(f"create table {table}_own.inner (id int)")
        owner = await migrator.execute(
            "select tableowner from pg_tables where tablename = %s", [table]
        )
        assert await owner.fetchone() == (names.owner,)
        shown = await migrator.execute("show lock_timeout")
        assert await shown.fetchone() == ("10s",)
    for login in names.apps:
        async with await session(catalog, login) as app:
            await app.execute(f"insert into {table} (v) values ('x')")
            await app.execute(f"update {table} set v = 'y'")
            # A schema that the migrator made is reachable like one of the document's.
            await app.execute(f"insert into {table}_own.inner values (1)")
            await app.execute("create temporary table scratch (id int)")
            await refused(app, f"drop table {table}")
            await refused(app, f"truncate {table}")
            await refused(app, "create table public.mine (id int)")
            await refused(app, f'set role "{names.owner}"')
            await refused(app, f"select * from holdfast.pool_login('{login}')")
            await refused(app, "select rolpassword from pg_authid")
    for login in names.readers:
        async with await session(catalog, login) as reader:
            found = await reader.execute(f"select count(*) from {table}")
            assert await found.fetchone() == (2,)
            await reader.execute(f"select * from {table}_own.inner")
            await refused(reader, f"insert into {table} (v) values ('x')")
            await refused(reader, f"select nextval('{table}_id_seq')")
    assert await catalog.changes() == []


async def test_nobody_else_gets_in(catalog: Site) -> None:
    role = f"{catalog.spec.name}_stranger"
    await catalog.run("postgres", f"create role \"{role}\" login password 'stranger'")
    dsn = catalog.server.dsn_of(role, "stranger", catalog.server.host)
    for database in (catalog.spec.name, "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            await psycopg.AsyncConnection.connect(f"{dsn} dbname={database}")


async def test_the_pooler_sees_logins_and_nothing_else(catalog: Site) -> None:
    name, names = catalog.spec.name, catalog.names
    hidden = f"{name}_expired"
    await catalog.run(
        "postgres",
        f"create role \"{hidden}\" login password 'x' valid until '2020-01-01'",
        f"create role \"{name}_replica\" login replication password 'x'",
    )

    async def seen(role: str) -> list[tuple[str, str]]:
        async with catalog.server.connect(name) as connection:
            await connection.execute("set role holdfast_pooler")
            found = await connection.execute("select * from holdfast.pool_login(%s)", [role])
            return await found.fetchall()

    login = names.apps[0]
    verifier = catalog.passwords[password_ref(name, login)].verifier
    assert await seen(login) == [(login, verifier)]
    absent = (
        *("postgres", hidden, f"{name}_replica", names.owner, "holdfast_replicator", "nobody"),
        *("", "x" * 80, f"{login}'; drop table t; --", login.upper()),
    )
    for role in absent:
        assert await seen(role) == []
    async with catalog.server.connect(name) as connection:
        await connection.execute("set role holdfast_pooler")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("select * from pg_authid")


async def test_what_belongs_to_the_application_is_left_alone(catalog: Site) -> None:
    name, names = catalog.spec.name, catalog.names
    own = f"{name}_report"
    await catalog.run(
        name,
        f'create role "{own}" login connection limit 3',
        f'create role "{own}_group"',
        f'grant "{own}_group" to "{own}"',
        f'grant "{names.ro}" to "{own}"',
        f'grant connect on database "{name}" to "{own}"',
        f"alter role \"{own}\" set work_mem to '99MB'",
        f"alter database \"{name}\" set work_mem to '9MB'",
        f'set role "{names.owner}"',
        "create table theirs (id int)",
        f'grant select, insert on theirs to "{own}"',
        f'grant truncate on theirs to "{names.rw}"',
        "create schema theirs",
        f'grant usage, create on schema theirs to "{own}"',
        f'grant usage on schema public to "{own}"',
        f'alter default privileges for role "{names.owner}" grant select on tables to "{own}"',
        "create extension hstore",
    )
    assert await catalog.changes() == []
    found = await leftovers(catalog.server.connect, catalog.wanted)
    assert ("catalog.outside-member", own) in [(f.id, f.evidence.get("member")) for f in found]


async def test_a_database_that_left_the_document_is_kept_and_named(catalog: Site) -> None:
    without = catalog.without(f"{catalog.spec.name}-two")
    assert await without.changes() == []
    found = await leftovers(catalog.server.connect, without.wanted)
    kept = [f.evidence["database"] for f in found if f.id == "catalog.database-kept"]
    assert kept == [f"{catalog.spec.name}-two"]


async def test_no_verifier_reaches_the_log(catalog: Site) -> None:
    for setting in ("log_statement = 'all'", "log_min_duration_statement = 0"):
        await catalog.run("postgres", f"alter system set {setting}")
    await catalog.run("postgres", "select pg_reload_conf()", "select pg_sleep(0.2)")
    try:
        await catalog.run("postgres", f'alter role "{catalog.names.apps[0]}" password null')
        assert len(await catalog.apply()) == 1
    finally:
        await catalog.run("postgres", "alter system reset all", "select pg_reload_conf()")
    log = (catalog.server.folder / "server.log").read_text()
    assert "pg_reload_conf" in log
    assert "SCRAM-SHA-256" not in log


async def test_the_owner_of_a_database_cannot_bend_the_platforms_session(catalog: Site) -> None:
    """Overloads that fit better than PostgreSQL's own would run with a superuser's rights."""
    name = catalog.spec.name
    trap = (
        "create function public.{0} returns {1} language plpgsql as "
        "$$ begin raise exception 'caught as %', current_user; end $$"
    )
    await catalog.run(
        name,
        f'set role "{catalog.names.owner}"',
        trap.format("trap(oid, regnamespace)", "boolean"),
        "create operator public.= (leftarg = oid, rightarg = regnamespace, function = public.trap)",
        trap.format("trap(name, name[])", "boolean"),
        trap.format("trap(text, name)", "text"),
        "create operator public.|| (leftarg = text, rightarg = name, function = public.trap)",
        trap.format("has_table_privilege(oid, oid, name)", "boolean"),
        "create table watched (id int)",
        f'alter database "{name}" set search_path = public, pg_catalog',
        f'alter database "{name}" set default_transaction_read_only = on',
    )
    try:
        await catalog.run("postgres", f'alter database "{name}" set role = "{catalog.names.owner}"')
        async with catalog.server.connect(name) as connection:
            with pytest.raises(psycopg.Error, match="caught"):
                await connection.execute("select 1::oid = 'public'::regnamespace")
        assert await catalog.changes() == []
        await catalog.run("postgres", f'revoke "{catalog.names.rw}" from "{catalog.names.apps[0]}"')
        async with catalog.server.connect(name) as connection:
            await connection.execute("set role none; set default_transaction_read_only = off")
            await connection.execute("drop extension citext")
            await connection.execute(
                f'revoke select on public.watched from "{catalog.names.ro}"'  # type: ignore[arg-type]
            )
        assert len(await catalog.apply()) == 3
        assert await catalog.changes() == []
        async with catalog.server.connect(name) as connection:
            found = await connection.execute(
                "select extnamespace::regnamespace::text from pg_extension where extname = 'citext'"
            )
            assert await found.fetchone() == ("public",)
    finally:
        await catalog.run("postgres", f'alter database "{name}" reset all')
