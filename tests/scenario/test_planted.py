"""Damage that is planted is found, whatever its kind: nothing of it may pass as proven.

One node, one table, and `verify` as a person types it. Every test repairs what it planted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.scenario.site import RealSite, until

NAME = "planted"
CANARIES = [
    {"name": "all items are there", "sql": "select count(*) from item", "expect": 20000},
    {"name": "names are whole", "sql": "select bool_and(name like 'item %') from item",
     "expect": True},
]  # fmt: skip
MADE = """
create table shelf (id int primary key);
insert into shelf select generate_series(1, 10);
create table item (id int primary key, name text, shelf int references shelf, tags int[]);
insert into item select g, 'item ' || g, 1 + g % 10, array[g] from generate_series(1, 20000) g;
create index item_tags on item using gin (tags)
"""


@pytest.fixture(scope="module")
def database(site: RealSite) -> Iterator[RealSite]:
    """A database with two tables, and a full backup that holds them."""
    site.apply(site.document(NAME, verify=CANARIES))
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(MADE)
    # Or the first reader would set hint bits, and pages would be in WAL once more.
    source(site, "vacuum (freeze)")
    full_backup(site)
    yield site
    site.run("delete", NAME, "--purge", "--yes")


@pytest.fixture(autouse=True)
def whole(database: RealSite) -> Iterator[None]:
    """Every test leaves no sandbox behind."""
    yield
    assert list(Path(database.layout.sandboxes).iterdir()) == []
    assert database.control_rows("select owner from holdfast.sandbox") == []
    assert [each for each in database.processes() if "sandboxes" in each.command] == []


def source(site: RealSite, statement: str) -> list[Any]:
    """The rows of a statement on the source, as superuser."""
    return site.sql(site.leader(NAME)["address"], statement, NAME)


def verified(site: RealSite, *options: str, proven: bool = False) -> dict[str, Any]:
    """The outcome of `verify`, with `by_layer`: what each one said."""
    ran = site.run("verify", NAME, *options, "-o", "json", exit_code=0 if proven else 1)
    operation = ran.data
    outcome: dict[str, Any] = operation["outcome"]
    outcome["by_layer"] = {each["layer"]: each for each in outcome["layers"]}
    return outcome


def found(outcome: Mapping[str, Any], layer: int, check: str) -> str:
    """What a check of a layer complains of; it has to complain."""
    assert outcome["verdict"] == "failed", outcome
    (said,) = (each for each in outcome["by_layer"][layer]["checks"] if each["id"] == check)
    assert said["verdict"] == "failed", outcome
    return str(said["detail"])


def repository(site: RealSite) -> Path:
    return Path(site.layout.repository(NAME))


def newest(site: RealSite) -> str:
    return str(site.json("get", "backups", NAME)[0]["label"])


def pgbackrest(site: RealSite, *command: str, check: bool = True) -> None:
    """Behind the platform's back, which would take a damaged backup out again."""
    configuration = site.layout.cluster(NAME) / "conf" / "pgbackrest.conf"
    who = {"user": site.layout.os_user} if os.geteuid() == 0 else {}
    subprocess.run(
        ["pgbackrest", f"--config={configuration}", f"--stanza={NAME}", *command],
        check=check, capture_output=True, timeout=60, cwd="/", **who,
    )  # fmt: skip


def full_backup(site: RealSite) -> str:
    """Its label."""
    pgbackrest(site, "--type=full", "backup")
    return newest(site)


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 0xFF]))
        os.fsync(stream.fileno())


@contextmanager
def flipped(file: Path, place: int) -> Iterator[None]:
    flip(file, place)
    try:
        yield
    finally:
        flip(file, place)


# -- a sound one -------------------------------------------------------------------------------


def test_a_sound_backup_is_proven_in_every_layer(database: RealSite):
    outcome = verified(database, "--layers", "0-6", proven=True)
    layers = outcome["by_layer"]
    assert [layers[number]["verdict"] for number in range(7)] == ["proven"] * 7
    assert layers[5]["looked_at"] == ["2 queries of the owner", "1 foreign keys"]
    assert "1 gin index, which pg_amcheck does not check" in layers[3]["not_looked_at"]
    assert layers[4]["checks"][0]["detail"].startswith("3 tables are equal")
    assert len(layers[6]["checks"]) == 3
    assert all(each["spent_s"] > 0 for each in layers.values())
    kinds = database.control_rows(
        f"select kind, verdict from holdfast.evidence where database = '{NAME}' "
        "and kind in ('restore-test', 'point-in-time') order by kind"
    )
    assert kinds == [("point-in-time", "proven"), ("restore-test", "proven")]


def test_what_was_proven_and_not_touched_is_not_read_again(database: RealSite):
    again = verified(database, "--layers", "0", proven=True)["by_layer"][0]
    assert "0 B of them read by our own reader" in again["looked_at"]
    (said,) = again["not_looked_at"]
    assert "were proven before" in said


def test_a_report_in_markdown(database: RealSite):
    ran = database.run("verify", NAME, "--layers", "2", "-o", "markdown")
    assert ran.out.startswith(f"# Verification of {NAME}: proven\n")
    assert "| 2 start | proven |" in ran.out


def test_layers_and_backups_that_there_are_not(database: RealSite):
    ran = database.run("verify", NAME, "--layers", "4-9", exit_code=2)
    assert "'4-9' does not choose layers" in ran.err
    ran = database.run("verify", NAME, "--backup", "20200101-000000F", exit_code=7)
    assert "there is no backup 20200101-000000F" in ran.err


# -- planted in the repository -----------------------------------------------------------------


def test_a_flipped_byte_in_the_repository(database: RealSite):
    bundle = repository(database) / "backup" / NAME / newest(database) / "bundle" / "1"
    with flipped(bundle, bundle.stat().st_size // 2):
        outcome = verified(database)
    assert "has another checksum" in found(outcome, 0, "stored files")
    assert found(outcome, 0, "repository")
    assert "pgbackrest restore failed" in found(outcome, 1, "restore")


def test_a_deleted_segment_of_the_wal(database: RealSite):
    for _ in range(2):
        source(database, "select pg_create_restore_point('x'), pg_switch_wal()")
    segments = sorted((repository(database) / "archive" / NAME).glob("*/*/0*-*"))
    lost = segments[-1]
    away = repository(database) / "away"
    lost.rename(away)
    try:
        outcome = verified(database, "--layers", "0-2")
    finally:
        away.rename(lost)
    assert lost.name[:24] in found(outcome, 0, "wal")
    assert "did not start" in found(outcome, 2, "start")


def test_a_stale_backup_in_the_place_of_the_newest(database: RealSite):
    folder = repository(database) / "backup" / NAME
    stale = newest(database)
    kept = folder.parent / "kept"
    subprocess.run(["cp", "-a", folder / stale, kept], check=True)
    fresh = folder / full_backup(database)
    fresh.rename(folder.parent / "fresh")
    kept.rename(fresh)
    try:
        outcome = verified(database)
        assert f"is labelled {stale}" in found(outcome, 0, "stored files")
        # Without a look at the repository, the copy tells.
        outcome = verified(database, "--layers", "1-5")
        assert outcome["verdict"] == "failed", outcome
    finally:
        shutil.rmtree(fresh)
        (folder.parent / "fresh").rename(fresh)


# -- planted in the source, and backed up with it ----------------------------------------------


@contextmanager
def rotten(site: RealSite, relation: str) -> Iterator[None]:
    """A flipped byte in the second page of a relation's file, in a full backup."""
    (path,) = source(site, f"select pg_relation_filepath('{relation}')")[0]
    source(site, "checkpoint")
    data = Path(site.layout.node(NAME, 1).data)
    with flipped(data / path, 8192 + 5000):
        label = full_backup(site)
        yield
    full_backup(site)
    pgbackrest(site, f"--set={label}", "expire", check=False)  # it may be gone by itself


def test_a_flipped_byte_in_a_heap_page(database: RealSite):
    with rotten(database, "item"):
        outcome = verified(database, "--layers", "1-3")
    assert "verification failed" in found(outcome, 1, "checksums")
    assert found(outcome, 3, "structure")
    assert "planted" in found(outcome, 3, "dump")


def test_a_flipped_byte_in_an_index_page(database: RealSite):
    with rotten(database, "item_pkey"):
        outcome = verified(database, "--layers", "1-3")
    assert "verification failed" in found(outcome, 1, "checksums")
    assert "item_pkey" in found(outcome, 3, "structure")


@contextmanager
def unindexed(site: RealSite) -> Iterator[None]:
    """A row without its entry in the index, on pages with the right checksum; in WAL, too."""
    ready = (
        "update pg_index set indisready = {0}, indisvalid = {0} where indrelid = 'item'::regclass"
    )
    source(site, ready.format("false"))
    source(site, "delete from item where id = 77; insert into item values (77, 'item 77', 1, '{}')")
    source(site, ready.format("true"))
    try:
        yield
    finally:
        source(site, "reindex table item")


def test_an_index_entry_that_is_missing(database: RealSite):
    with unindexed(database):
        outcome = verified(database, "--layers", "1-4")
    assert "item_pkey" in found(outcome, 3, "structure")


def test_rows_that_break_what_the_owner_expects(database: RealSite):
    """What a disabled trigger lets through is consistent in every other layer."""
    quietly = "set session_replication_role = replica; "
    source(database, f"{quietly}delete from shelf where id = 3; delete from item where id = 5")
    try:
        outcome = verified(database, "--layers", "2-5")
    finally:
        source(database, f"{quietly}insert into shelf values (3); "
                         "insert into item values (5, 'item 5', 6, '{5}')")  # fmt: skip
    assert "all items are there gives '19999', not '20000'" in found(outcome, 5, "canaries")
    assert "item_shelf_fkey is violated by 2000 rows" in found(outcome, 5, "foreign keys")
    assert outcome["by_layer"][3]["verdict"] == outcome["by_layer"][4]["verdict"] == "proven"


# -- planted in the copy -----------------------------------------------------------------------


def test_a_row_that_was_deleted_after_the_marker(database: RealSite):
    """As if the copy had been replayed too far: the row was there at the marker."""
    sandboxes = Path(database.layout.sandboxes)
    under_way = "select 1 from pg_extension where extname = 'amcheck'"
    done = threading.Event()

    def delete() -> None:
        def deleted() -> bool:
            for socket in sandboxes.glob("op-*/run"):
                try:
                    with psycopg.connect(
                        host=str(socket), user="postgres", dbname=NAME, autocommit=True
                    ) as copy:
                        # Not before the platform has seen what the copy had committed.
                        if not copy.execute(under_way).fetchall():
                            return False
                        return copy.execute("delete from item where id = 4711").rowcount == 1
                except psycopg.Error:
                    continue
            return False

        until(deleted, deadline_s=60, every_s=0.01, what="a row to delete")
        done.set()

    thief = threading.Thread(target=delete)
    thief.start()
    outcome = verified(database, "--layers", "2-4")
    thief.join(timeout=60)
    assert done.is_set()
    assert "item has 19999 rows in the copy and 20000" in found(outcome, 4, "rows")


# -- interrupted -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "layers"),
    [
        ("read the repository", "0"),
        ("count the source and mark it", "4"),
        ("restore the backup", "2"),
        ("check every restored file", "1"),
        ("start the copy", "2"),
        ("check tables and indexes", "3"),
        ("compare it with the source", "4"),
        ("restore to the marker by lsn", "6"),
        ("destroy the sandbox", "2"),
    ],
)
def test_a_control_plane_that_dies_leaves_no_sandbox_and_no_proof(
    database: RealSite, step: str, layers: str
):
    operation = database.json("verify", NAME, "--layers", layers, "--no-wait")
    kill_control_plane_in(database, operation["id"], step)
    ran = database.run("op", "watch", operation["id"], "-o", "json")
    ended = ran.data
    assert ended["state"] == "succeeded"
    assert ended["outcome"]["verdict"] == "unproven", ended["outcome"]
    assert "the control plane ended" in str(ended["outcome"]["reasons"])


def kill_control_plane_in(site: RealSite, operation_id: str, step: str) -> None:
    """SIGKILL for the control plane as soon as it is in a step."""
    (pid,) = (
        part["pid"] for part in site.json("status", exit_code=None)
        if part["name"] == "control-plane"
    )  # fmt: skip
    query = (
        f"select 1 from holdfast.operation_step where operation_id = '{operation_id}' "
        f"and name = '{step}'"
    )
    with psycopg.connect(site.doors.database_url, autocommit=True) as connection:
        until(
            lambda: connection.execute(query).fetchall(),
            deadline_s=90, every_s=0.01, what=f"step {step!r}",
        )  # fmt: skip
    os.kill(pid, signal.SIGKILL)
    until(
        lambda: site.run("op", "show", operation_id, exit_code=None).exit_code == 0,
        deadline_s=60,
        what="a new control plane",
    )
