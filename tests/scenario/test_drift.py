"""What somebody changes by hand is seen, named and put right; what is the application's is not.

The opposite matters as much: after switchovers, failovers and restarts a plan is empty again.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.core.layout import NodePaths
from holdfast.providers import pki
from holdfast.system.clock import SystemClock
from tests.scenario.site import RealSite, Writer, until

NAME = "stock"

THE_APPLICATION_S = (
    "create schema warehouse",
    "create table warehouse.shelf (id int primary key, label text)",
    "create table public.item (id int primary key, shelf int references warehouse.shelf)",
    "create function public.items() returns bigint language sql as 'select count(*) from item'",
    "create view warehouse.labels as select label from warehouse.shelf",
    "create extension if not exists btree_gin",
    "insert into warehouse.shelf values (1, 'top')",
)
THE_APPLICATION_S_ROLES = (
    "create role auditor login connection limit 3",
    "create role auditors",
    "grant auditors to auditor",
    "alter role auditor set work_mem = '8MB'",
)
THE_APPLICATION_S_IN_ITS_DATABASE = (
    "grant usage on schema warehouse to auditors",
    "grant select on warehouse.shelf to auditors",
    "grant insert on public.item to auditors",
    "alter default privileges for role auditor grant select on tables to auditors",
    f"alter database {NAME} set search_path = public, warehouse",
    f"comment on database {NAME} is 'ours'",
)
ITS_TRACES = """
select 'table', c.oid::regclass::text, c.relacl::text from pg_class c
  where c.relnamespace::regnamespace::text in ('warehouse', 'public') and c.relkind in ('r', 'v')
union all select 'role', rolname, rolconnlimit::text from pg_roles where rolname like 'auditor%'
union all select 'member', m.member::regrole::text, m.roleid::regrole::text
  from pg_auth_members m where m.roleid = 'auditors'::regrole
union all select 'schema', nspname, nspacl::text from pg_namespace where nspname = 'warehouse'
union all select 'function', proname, null from pg_proc where proname = 'items'
union all select 'extension', extname, null from pg_extension where extname = 'btree_gin'
union all select 'defaults', defaclrole::regrole::text, defaclacl::text from pg_default_acl
  where defaclrole = 'auditor'::regrole
union all select 'setting', coalesce(setrole::regrole::text, ''), setconfig::text
  from pg_db_role_setting where setrole = 'auditor'::regrole or setrole = 0
union all select 'row', id::text, label from warehouse.shelf
order by 1, 2, 3
"""


@pytest.fixture(scope="module")
def document(site: RealSite) -> Iterator[Path]:
    """Two nodes, and an application that has made itself at home."""
    path = site.document(NAME, nodes=2, extensions=["pg_trgm"])
    site.apply(path)
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        for statement in (Writer.TABLE, *THE_APPLICATION_S):
            connection.execute(statement)
    for statement in (*THE_APPLICATION_S_ROLES, *THE_APPLICATION_S_IN_ITS_DATABASE):
        site.sql(site.leader(NAME)["address"], statement, NAME)
    yield path
    site.run("delete", NAME, "--purge", "--yes")


class Members:
    """Leader and replica as they are now: addresses, ordinals, folders."""

    def __init__(self, site: RealSite) -> None:
        told = site.describe(NAME)
        by_name = {node["name"]: node for node in told["nodes"]}
        self.leader = by_name.pop(told["leader"])
        (self.replica,) = by_name.values()
        self.site = site

    def ordinal(self, node: dict[str, Any]) -> int:
        return int(node["name"].rpartition("-")[2])

    def paths(self, node: dict[str, Any]) -> NodePaths:
        return self.site.layout.node(NAME, self.ordinal(node))

    def file(self, node: dict[str, Any], *parts: str) -> Path:
        return Path(self.paths(node).root, *parts)

    def id(self, node: dict[str, Any], part: str) -> str:
        return f"node/{self.ordinal(node)}/{part}"


@pytest.fixture
def members(site: RealSite, document: Path) -> Members:
    return Members(site)


@pytest.fixture
def traces(site: RealSite, members: Members) -> Iterator[None]:
    """Whatever the test does, nothing of the application's changes."""
    before = site.sql(members.leader["address"], ITS_TRACES, NAME)
    assert len(before) > 12
    yield
    after = until(lambda: site.leader(NAME), deadline_s=30)
    assert site.sql(after["address"], ITS_TRACES, NAME) == before


def put_right(site: RealSite, document: Path, *named: str) -> str:
    """A plan names every one of these; after an apply it is empty. Gives the plan's words."""
    planned = site.plan(document)
    assert planned.exit_code == 10, planned
    missing = [each for each in named if each not in planned.out]
    assert not missing, f"{missing} is not in the plan:\n{planned}"
    site.apply(document)
    again = site.plan(document)
    assert again.exit_code == 0, again
    return planned.out


def stop(site: RealSite, program: str) -> None:
    site.services(lambda supervisor: supervisor.stop(program))


def state_of(site: RealSite, program: str) -> str:
    return str(site.services(lambda supervisor: supervisor.status())[program].state)


def change(file: Path, act: Callable[[str], str]) -> None:
    file.write_text(act(file.read_text()))


def test_what_is_the_application_s_is_no_drift(
    site: RealSite, document: Path, traces: None
) -> None:
    planned = site.plan(document)
    assert planned.exit_code == 0, planned
    assert site.apply(document).exit_code == 0


def test_what_a_reload_puts_right(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    """Everything at once: each of them is a line of its own."""
    leader, replica = members.leader, members.replica
    at = leader["address"]
    owner, rw, ro = (f"{NAME}_{each}" for each in ("owner", "rw", "ro"))
    site.sql(at, "alter system set work_mem = '7MB'")
    site.sql(at, "select pg_reload_conf()")
    site.patroni(
        NAME,
        lambda patroni: patroni.patch_config(
            at,
            {
                "ttl": 41,
                "foreign": {"key": 1},
                "postgresql": {"parameters": {"lock_timeout": "3s", "enable_sort": "off"}},
            },
        ),
    )
    hba, ident = (members.file(replica, "data", f"pg_{each}.conf") for each in ("hba", "ident"))
    change(hba, lambda text: "host all all 0.0.0.0/0 trust\n" + text)
    change(ident, lambda text: text + "holdfast-node nobody postgres\n")

    site.sql(at, f"alter role {NAME}_app_a superuser")
    site.sql(at, f"alter role {NAME}_app_b nologin")
    site.sql(at, f"alter role {NAME}_read_a password 'by hand'")
    site.sql(at, f"grant {owner} to {NAME}_read_b")
    site.sql(at, f"revoke {rw} from {NAME}_app_a")
    site.sql(at, f"revoke connect on database {NAME} from {rw}, {ro}")
    site.sql(at, "grant create on schema public to public", NAME)
    site.sql(at, "drop extension pg_trgm", NAME)
    site.sql(at, f"alter default privileges for role {owner} revoke all on tables from {ro}", NAME)

    stop(site, f"{replica['name']}-pooler-ro")
    conf, pki_folder = members.file(replica, "conf"), members.file(replica, "pki")
    (conf / "pgbackrest.conf").unlink()
    change(conf / "pgbouncer-rw.ini", lambda text: text.replace("transaction", "session"))
    (conf / "patroni.yml").chmod(0o644)
    definition = Path(site.layout.supervisor, "conf.d", f"{leader['name']}-pooler-ro.ini")
    definition.unlink()
    (pki_folder / "server.crt").unlink()
    stranger = pki.authority("stranger", SystemClock().now())
    name = pki.Request(replica["name"], (replica["address"],))
    foreign = pki.issue(stranger, name, SystemClock().now())
    (pki_folder / "node.crt").write_bytes(foreign.certificate)
    (pki_folder / "node.key").write_bytes(foreign.key)
    ca = pki.Issued(*(Path(site.layout.pki, f"ca.{end}").read_bytes() for end in ("crt", "key")))
    old = pki.issue(ca, pki.Request("holdfast_rewind"), SystemClock().now() - timedelta(days=400))
    (pki_folder / "holdfast_rewind.crt").write_bytes(old.certificate)
    (pki_folder / "holdfast_rewind.key").write_bytes(old.key)
    site.etcd(lambda etcd: etcd.ensure_role("meddler", "/holdfast/"))
    grant = {"user": f"cluster-{NAME}", "role": "meddler"}
    site.etcd(lambda etcd: etcd._gateway.call("/v3/auth/user/grant", grant))

    put_right(
        site,
        document,
        'set_by_hand.work_mem: "7MB"',
        "ttl: 41 -> 20",
        "foreign: ",
        'postgresql.parameters.lock_timeout: "3s" -> "0"',
        "postgresql.parameters.enable_sort",
        "-host all all 0.0.0.0/0 trust",
        "-holdfast-node nobody postgres",
        "superuser: true -> false",
        "login: false -> true",
        'password: "changed"',
        f"- membership/{owner}/{NAME}_read_b",
        f"+ membership/{rw}/{NAME}_app_a",
        f"~ database/{NAME}/grants/database",
        f"~ database/{NAME}/schema/public/grants",
        f"+ database/{NAME}/extension/pg_trgm",
        f"~ database/{NAME}/default-privileges/{owner}",
        f"~ {members.id(replica, 'process/pooler-ro')}",
        'state: "stopped" -> "running"',
        f"{conf}/pgbackrest.conf: (none)",
        f"{conf}/pgbouncer-rw.ini: ",
        f'{conf}/patroni.yml: "0644 ',
        f"~ {members.id(leader, 'process/pooler-ro')}",
        f"{pki_folder}/server: (none)",
        "another authority signed it",
        "it ends on ",
        '"READWRITE /holdfast/*"',
    )
    assert site.setting(at, "work_mem") == "4MB"
    assert site.setting(at, "enable_sort") == "on"
    assert "trust" not in hba.read_text()
    assert definition.exists()
    assert state_of(site, f"{replica['name']}-pooler-ro") == "running"
    with psycopg.connect(site.dsn(NAME, "--role", "ro"), autocommit=True) as connection:
        assert connection.execute("select count(*) from item").fetchone() == (0,)
    with psycopg.connect(site.dsn(NAME, "--pooled"), prepare_threshold=None) as connection:
        connection.execute("insert into written default values")


def test_what_takes_a_restart_to_put_right(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    at = members.leader["address"]
    site.sql(at, "alter system set track_activity_query_size = '8kB'")
    site.sql(at, "select pg_reload_conf()")
    # In force, and not to be found in any file any more.
    site.sql(members.replica["address"], "alter system set autovacuum_max_workers = 4")
    site.patroni(NAME, lambda patroni: patroni.restart(members.replica["address"]))
    site.sql(members.replica["address"], "alter system reset all")
    site.patroni(
        NAME,
        lambda patroni: patroni.patch_config(
            at, {"postgresql": {"parameters": {"max_pred_locks_per_transaction": 80}}}
        ),
    )
    said = put_right(
        site,
        document,
        'set_by_hand.track_activity_query_size: "8kB"',
        "autovacuum_max_workers",
        "postgresql.parameters.max_pred_locks_per_transaction",
    )
    assert "worst disruption: switchover" in said
    for node in (members.leader, members.replica):
        assert site.setting(node["address"], "track_activity_query_size") == "4kB"
        assert site.setting(node["address"], "max_pred_locks_per_transaction") == "64"
        assert site.setting(node["address"], "autovacuum_max_workers") == "3"


def test_a_program_that_has_given_up_and_a_file_of_postgresql_s_own(
    site: RealSite, document: Path, members: Members
) -> None:
    replica = members.replica
    change(members.file(replica, "data", "postgresql.conf"), lambda text: text + "jit = on\n")
    site.sql(replica["address"], "select pg_reload_conf()")
    program = f"{members.leader['name']}-pooler-ro"
    ini = members.file(members.leader, "conf", "pgbouncer-ro.ini")
    ini.write_text("[pgbouncer]\nnonsense = 1\n")
    pid = site.services(lambda supervisor: supervisor.status())[program].pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: state_of(site, program) == "failed", deadline_s=60, what="the end of its tries")
    put_right(
        site,
        document,
        f"{ini}: ",
        # The supervisor goes on trying now and then: failed, or starting once more.
        '-> "running"',
        'parameters.jit: "on instead of off"',
    )
    assert site.setting(replica["address"], "jit") == "off"


def test_a_node_that_lost_everything_is_made_anew(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    for part in ("agent", "pooler-ro", "pooler-rw", "patroni"):
        stop(site, f"{members.replica['name']}-{part}")
    shutil.rmtree(members.paths(members.replica).root, ignore_errors=True)
    replica = members.replica
    put_right(
        site,
        document,
        *(f"+ {members.id(replica, part)}" for part in ("folders", "files", "certificates")),
        f"+ {members.id(replica, 'member')}",
        'state: "stopped" -> "running"',
    )
    state = next(n["state"] for n in site.describe(NAME)["nodes"] if n["name"] == replica["name"])
    assert state == "streaming"


def test_a_deleted_data_folder_is_filled_again(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    """Patroni may be quicker than we are; what comes back is a copy of the leader either way."""
    replica = members.replica
    data = Path(members.paths(replica).data)
    # The server at work on it removes files of its own meanwhile.
    shutil.rmtree(data, ignore_errors=True)
    site.apply(document)
    site.settled(document)
    state = next(n["state"] for n in site.describe(NAME)["nodes"] if n["name"] == replica["name"])
    assert state == "streaming"
    assert (data / "PG_VERSION").exists()
    # It is a copy that follows: what is written now arrives, and what was written before is there.
    count = "select count(*) from written"
    site.sql(members.leader["address"], "insert into written default values", NAME)
    ours = site.sql(members.leader["address"], count, NAME)
    until(lambda: site.sql(replica["address"], count, NAME) == ours, what="every row")


def test_a_plan_is_empty_after_a_switchover_a_failover_and_restarts(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    site.run("switchover", NAME)
    site.settled(document)
    leader = Members(site).leader
    pid = Path(site.layout.node(NAME, int(leader["name"][-1])).data, "postmaster.pid")
    os.kill(int(pid.read_text().split()[0]), signal.SIGKILL)
    # While nobody leads, a plan says so instead of making every role anew.
    planned = site.plan(document)
    assert f"+ role/{NAME}_owner" not in planned.out, planned
    site.settled(document, deadline_s=90)
    for node in site.describe(NAME)["nodes"]:
        site.services(lambda each, node=node: each.restart(f"{node['name']}-patroni"))
        site.settled(document, deadline_s=90)


def test_a_plan_is_empty_after_the_whole_site_was_down(site: RealSite, document: Path) -> None:
    site.run("down")
    site.run("up")
    site.settled(document, deadline_s=90)


def test_a_lost_repository_is_made_anew_and_a_dropped_database_only_by_its_name(
    site: RealSite, document: Path, members: Members
) -> None:
    shutil.rmtree(site.layout.repository(NAME))
    said = put_right(site, document, "+ archive", "+ backup")
    assert "+ database/" not in said
    site.sql(members.leader["address"], f"drop database {NAME} with (force)")
    planned = site.plan(document)
    assert f"+ database/{NAME}" in planned.out
    assert f"logical database '{NAME}' is gone with its data" in planned.err
    # The documents that were applied last say the same, without being at hand.
    assert site.plan().exit_code == 10
    refused = site.apply(document, exit_code=3)
    assert f"--recreate-empty {NAME}" in refused.err
    site.apply(document, "--recreate-empty", "another", exit_code=3)
    assert site.describe(NAME)["phase"] == "ready"
    site.apply(document, "--recreate-empty", NAME)
    assert site.plan(document).exit_code == 0
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        for statement in (Writer.TABLE, *THE_APPLICATION_S):
            connection.execute(statement)
    for statement in THE_APPLICATION_S_IN_ITS_DATABASE:
        site.sql(members.leader["address"], statement, NAME)


def test_a_replay_that_was_paused_by_hand_goes_on_by_itself(
    site: RealSite, document: Path, members: Members
) -> None:
    address = members.replica["address"]
    site.sql(address, "select pg_wal_replay_pause()")
    until(
        lambda: site.sql(address, "select pg_is_wal_replay_paused()") == [(False,)],
        deadline_s=30,
        what="the end of the pause",
    )
    assert site.plan(document).exit_code == 0


def test_a_stopped_leader_s_node_is_started(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    stop(site, f"{members.leader['name']}-patroni")
    until(lambda: site.describe(NAME)["leader"] == members.replica["name"], deadline_s=60)
    put_right(site, document, f"~ {members.id(members.leader, 'process/patroni')}")


def test_a_deleted_etcd_user_stops_the_cluster_and_an_apply_starts_it(
    site: RealSite, document: Path, members: Members, traces: None
) -> None:
    site.etcd(lambda etcd: etcd.delete_user(f"cluster-{NAME}"))
    site.sql(members.leader["address"], f"alter role {NAME}_app_a nologin")
    until(lambda: site.describe(NAME)["leader"] is None, deadline_s=90, what="the leader's end")
    planned = site.plan(document)
    assert "+ etcd/user" in planned.out, planned
    assert "nobody leads" in planned.out, planned
    assert "could not be looked at" in planned.err, planned
    assert f"role/{NAME}_app_a" not in planned.out, planned
    site.apply(document)
    assert site.plan(document).exit_code == 0
    with psycopg.connect(site.dsn(NAME), autocommit=True) as connection:
        connection.execute("insert into written default values")
