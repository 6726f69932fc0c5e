"""Other documents for a database that is in use: sizes, parameters, databases, tiers, refusals."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.app.wiring import real_platform
from holdfast.cli.client import Client
from holdfast.core.errors import Invalid, TimedOut
from holdfast.engines.postgresql.probe import takes_writes
from holdfast.providers.settings import Settings
from holdfast.workflows.planning import doors, stored_cluster
from tests.scenario.site import RealSite, Writer, until

NAME = "till"


@pytest.fixture(scope="module")
def database(site: RealSite) -> Iterator[Any]:
    """Applies documents of one database of two nodes; what is not named is as before."""
    named: dict[str, Any] = {"nodes": 2}

    def document(**fields: Any) -> Path:
        named.update(fields)
        return site.document(NAME, **named)

    site.apply(document())
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    yield document
    site.run("delete", NAME, "--purge", "--yes")


def addresses(site: RealSite) -> list[str]:
    return [node["address"] for node in site.describe(NAME)["nodes"]]


def everywhere(site: RealSite, parameter: str) -> set[str]:
    return {site.setting(address, parameter) for address in addresses(site)}


def test_an_apply_of_the_same_changes_nothing(site: RealSite, database: Any) -> None:
    planned = site.plan(database())
    assert planned.exit_code == 0, planned
    assert "no changes" in planned.out
    before = site.control_rows("select count(*) from operation")
    site.apply(database())
    assert site.control_rows("select count(*) from operation") == before
    # Without a document, what was applied last is the document.
    drift = site.plan()
    assert drift.exit_code == 0, drift
    assert NAME in drift.out


@pytest.mark.parametrize(("size", "connections"), [("s", "100"), ("xs", "50")])
def test_another_size_costs_no_statement(
    site: RealSite, database: Any, size: str, connections: str
) -> None:
    """Up by replicas first and a switchover; down the leader has to go first, in its place."""
    dsn, before = site.dsn(NAME, "--pooled"), site.describe(NAME)["leader"]
    with Writer(dsn) as writer:
        site.apply(database(size=size))
    assert writer.failures == []
    assert everywhere(site, "max_connections") == {connections}
    assert (site.describe(NAME)["leader"] == before) == (size == "xs")
    assert site.plan(database()).exit_code == 0


def test_parameters_by_reload_and_by_restart(site: RealSite, database: Any) -> None:
    planned = site.plan(database(parameters={"work_mem": "16MB", "random_page_cost": 1.5}))
    assert "worst disruption: reload" in planned.out
    site.apply(database())
    assert everywhere(site, "work_mem") == {"16MB"}
    wanted = {"max_locks_per_transaction": 256, "log_min_duration_statement": "2s"}
    planned = site.plan(database(parameters=wanted, connections=70))
    assert "worst disruption: switchover" in planned.out
    with Writer(site.dsn(NAME, "--pooled")) as writer:
        site.apply(database())
    assert writer.failures == []
    assert everywhere(site, "max_locks_per_transaction") == {"256"}
    assert everywhere(site, "max_connections") == {"70"}
    assert everywhere(site, "work_mem") == {"4MB"}
    assert site.plan(database()).exit_code == 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"parameters": {"wrok_mem": "4MB"}}, "did you mean work_mem?"),
        ({"parameters": {"work_mem": "lots"}}, 'invalid value for parameter "work_mem": "lots"'),
        ({"parameters": {"fsync": "off"}}, "fsync"),
        ({"extensions": ["pg_trmg"]}, "did you mean pg_trgm?"),
        ({"engine": "mariadb"}, "mariadb"),
        ({"version": 14}, "14"),
        ({"nodes": 9}, "quick allows 1 to 5"),
        ({"name": "till'; drop table x"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    site: RealSite, database: Any, fields: dict[str, Any], said: str
) -> None:
    path = site.document(NAME, nodes=2)
    path = path.rename(path.with_name("refused.yaml"))
    lines = [f"{key}: {json.dumps(value)}" for key, value in fields.items()]
    kept = [line for line in path.read_text().splitlines() if line.split(":")[0] not in fields]
    path.write_text("\n".join([*kept, *lines]) + "\n")
    ran = site.run("plan", path, exit_code=2)
    assert said in ran.err
    assert f"{path}:" in ran.err


def test_a_document_that_no_node_shows_is_taken_over(site: RealSite, database: Any) -> None:
    planned = site.plan(database(owner="finance", labels={"cost-centre": "4711"}))
    assert planned.exit_code == 10
    assert 'owner: "checkout" -> "finance"' in planned.out
    site.apply(database())
    assert site.describe(NAME)["owner"] == "finance"
    assert site.plan(database()).exit_code == 0


def test_databases_schemas_and_extensions_come_and_stay(site: RealSite, database: Any) -> None:
    both = [{"name": NAME, "schemas": ["sales"], "extensions": ["citext"]}, {"name": "archive"}]
    with Writer(site.dsn(NAME, "--pooled")) as writer:
        site.apply(database(databases=both))
    assert writer.failures == []
    assert site.plan(database()).exit_code == 0
    migrator = site.dsn(NAME, "--role", "migrator", "--database", "archive")
    with psycopg.connect(migrator, autocommit=True) as connection:
        connection.execute("create table kept as select 1 as one")
    pooled = site.dsn(NAME, "--pooled", "--database", "archive")

    def seen() -> bool:
        with psycopg.connect(pooled, prepare_threshold=None) as connection:
            return connection.execute("select one from kept").fetchone() == (1,)

    assert seen()
    planned = site.plan(database(databases=[{"name": NAME}]))
    assert "schema sales leaves the document and stays" in planned.err
    assert "extension citext leaves the document and stays" in planned.err
    assert "logical database 'archive' is no longer declared and is kept" in planned.err
    site.apply(database())
    again = site.plan(database())
    assert again.exit_code == 0
    assert "logical database 'archive' is no longer declared and is kept" in again.err
    leader = site.leader(NAME)["address"]
    assert site.sql(leader, "select one from kept", "archive") == [(1,)]
    assert site.sql(leader, "select 1 from pg_namespace where nspname = 'sales'", NAME)


def test_a_stricter_tier_does_not_stop_writes_until_its_replicas_have_come(
    site: RealSite, database: Any
) -> None:
    with Writer(site.dsn(NAME, "--pooled")) as writer:
        site.apply(database(tier="tier-0", nodes=3, parameters=None, connections=None))
    assert writer.failures == []
    assert writer.longest_s < 15
    leader = site.leader(NAME)["address"]
    states = site.sql(leader, "select sync_state from pg_stat_replication")
    assert [state for (state,) in states] == ["quorum", "quorum"]
    assert site.plan(database()).exit_code == 0


def test_a_commit_that_waited_for_nobody_does_not_make_it_ready(
    site: RealSite, database: Any
) -> None:
    """Patroni names nobody in a newborn quorum cluster, and a commit comes back all the same."""

    async def ask(deadline_s: float) -> None:
        platform = await real_platform(Settings(site.home))
        try:
            cluster = await stored_cluster(platform, NAME)
            await takes_writes(cluster, doors(platform), deadline_s=deadline_s)
        finally:
            await platform.patroni.close()
            await platform.etcd.close()
            await platform.store.close()

    leader = site.leader(NAME)["address"]
    site.sql(leader, "alter system set synchronous_standby_names = ''")
    site.sql(leader, "select pg_reload_conf()")
    try:
        with pytest.raises(TimedOut, match="no replica is synchronous"):
            asyncio.run(ask(2))
    finally:
        site.sql(leader, "alter system reset all")
        site.sql(leader, "select pg_reload_conf()")
    asyncio.run(ask(30))


def test_a_plan_that_the_world_has_left_behind_is_refused(site: RealSite, database: Any) -> None:
    client = Client(site.layout)
    leader = site.leader(NAME)["address"]
    site.sql(leader, f"alter role {NAME}_app_a nologin")
    text = database(description="another").read_text()
    body = {"sources": [{"name": "till.yaml", "text": text}]}
    (saved,) = client.post("plans", body=body)["plans"]
    site.sql(leader, f"alter role {NAME}_app_b nologin")
    body = {"kind": "apply", "database": NAME, "request": {"plan": saved["id"]}}
    another = {**body, "request": {"plan": saved["id"], "digest": "another"}}
    operation = client.post("operations", body=another)
    assert "not another" in site.run("op", "watch", operation["id"], exit_code=4).err
    with pytest.raises(Invalid) as caught:
        client.post("operations", body={**body, "request": {"plan": saved["id"], "dry": True}})
    assert [each.subject for each in caught.value.findings] == ["body.request.dry"]
    operation = client.post("operations", body=body)
    ran = site.run("op", "watch", operation["id"], exit_code=4)
    assert f"new: update role/{NAME}_app_b" in ran.err
    assert site.control_rows(f"select phase from database where name = '{NAME}'") == [("ready",)]
    # Nothing of the refused document was taken over.
    assert "document" in site.changes(database())
    site.apply(database())
    assert site.plan(database()).exit_code == 0


def test_two_new_databases_of_one_folder_and_plans_while_they_come(site: RealSite) -> None:
    folder = site.folder / "pair"
    folder.mkdir()
    for name in ("pear", "plum"):
        site.document(name).rename(folder / f"{name}.yaml")
    applying = site.start("apply", folder, "--yes")
    try:
        seen = []
        while applying.poll() is None:
            seen.append(site.plan(folder / "pear.yaml"))
            time.sleep(0.5)
        out, err = applying.communicate(timeout=10)
        assert applying.returncode == 0, (out, err)
        assert {ran.exit_code for ran in seen} <= {0, 10}
        assert site.plan(folder).exit_code == 0
        nodes = [site.describe(name)["nodes"][0]["address"] for name in ("pear", "plum")]
        assert len(set(nodes)) == 2
        for name in ("pear", "plum"):
            with psycopg.connect(site.dsn(name)) as connection:
                assert connection.info.dbname == name
    finally:
        applying.kill()
        applying.wait()
        for name in ("pear", "plum"):
            until(
                lambda name=name: site.run("delete", name, "--yes", exit_code=None), deadline_s=60
            )
