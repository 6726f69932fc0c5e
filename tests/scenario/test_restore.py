"""A story of mistakes: what was written, thrown away, and brought back, beside and in place."""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.scenario.site import RealSite, until

pytestmark = pytest.mark.timeout(400)


@dataclass
class Story:
    """Rows 1 to 100, then the restore point, then rows 101 to 200."""

    site: RealSite
    document: Path
    label: str
    time: str
    lsn: str
    point: str = "before-mistake"

    def address(self) -> str:
        return str(self.site.leader("shop")["address"])

    def rows(self, name: str = "shop") -> int:
        with psycopg.connect(self.site.dsn(name), autocommit=True) as connection:
            row = connection.execute("select count(*) from item").fetchone()
            assert row is not None
            return int(row[0])

    def repository(self) -> str:
        """A digest of the source's backups: names and contents."""
        digest = hashlib.sha256()
        folder = Path(self.site.layout.repository("shop")) / "backup"
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(str(file).encode() + file.read_bytes())
        return digest.hexdigest()

    def restore(self, *argv: str, **more: Any) -> Any:
        operation = self.site.json("restore", "shop", *argv, **more)
        return operation["outcome"]


@pytest.fixture(scope="module")
def story(site: RealSite) -> Iterator[Story]:
    document = site.document("shop", nodes=2)
    site.apply(document)
    with psycopg.connect(site.dsn("shop", "--role", "migrator"), autocommit=True) as connection:
        connection.execute("create table item (id int primary key)")
    with psycopg.connect(site.dsn("shop"), autocommit=True) as connection:
        connection.execute("insert into item select generate_series(1, 100)")
    address = site.leader("shop")["address"]
    # A login that the document does not know, and a password that it knows otherwise by then.
    site.sql(address, "create role outsider login password 'as the backup had it'")
    point = str(site.sql(address, "select pg_create_restore_point('before-mistake')")[0][0])
    time = datetime.now(UTC).isoformat()
    with psycopg.connect(site.dsn("shop"), autocommit=True) as connection:
        connection.execute("insert into item select generate_series(101, 200)")
    label = site.json("get", "backups", "shop")[0]["label"]
    try:
        yield Story(site, document, label, time, point)
    finally:
        for name in ("shop", *(f"shop_{end}" for end in ("time", "r1", "dead"))):
            site.run("delete", name, "--purge", "--yes", exit_code=None)


# -- targets that cannot be reached: found out before anything is restored -------------------


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--to-name", "nowhere"), 7, "restore point 'nowhere' is not in the archive"),
        (("--to-xid", "4000000000"), 7, "transaction 4000000000 is not in the archive"),
        (("--to-time", "2026-01-01T00:00:00Z"), 3, "lies before the first point"),
        (("--to-time", "2999-01-01T00:00:00Z"), 3, "is not over yet"),
        (("--to-lsn", "0/10"), 3, "lies before the first point"),
        (("--to-lsn", "FF/0"), 3, "is not in the archive, which ends at"),
        (("--latest", "--timeline", "9"), 7, "timeline 9 is not in the archive: there are 1"),
        (("--latest", "--backup", "20200101-000000F"), 7, "no complete backup 20200101-000000F"),
        (("--to-time", "yesterday"), 2, "is no time"),
    ],
)
def test_a_target_that_cannot_be_reached_costs_nothing(
    story: Story, argv: tuple[str, ...], code: int, said: str
):
    before = story.site.layout.home
    ran = story.site.run("restore", "shop", *argv, exit_code=code)
    assert said in ran.err
    assert "shop_r1" not in [each["name"] for each in story.site.json("get", "databases")]
    assert not (Path(before) / "clusters" / "shop_r1").exists()


def test_a_repository_that_is_gone_or_of_another_key_is_told(story: Story):
    folder = Path(story.site.layout.repository("shop"))
    aside = folder.with_name("aside")
    folder.rename(aside)
    try:
        ran = story.site.run("restore", "shop", "--latest", exit_code=7)
        assert "there is no repository of shop" in ran.err
    finally:
        aside.rename(folder)
    info, copy = folder / "backup/shop/backup.info", folder / "backup/shop/backup.info.copy"
    texts = {path: path.read_bytes() for path in (info, copy)}
    for path, content in texts.items():
        path.write_bytes(os.urandom(len(content)))
    try:
        ran = story.site.run("restore", "shop", "--latest", exit_code=1)
        assert "cannot be read" in ran.err
    finally:
        for path, content in texts.items():
            path.write_bytes(content)


def test_a_backup_that_was_never_completed_is_told(story: Story):
    whole = Path(story.site.layout.repository("shop")) / "backup/shop" / story.label
    half = whole.with_name("20300101-000000F")
    half.mkdir()
    (half / "backup.manifest.copy").write_bytes(b"x")
    try:
        ran = story.site.run("restore", "shop", "--backup", half.name, exit_code=3)
        assert f"backup {half.name} was never completed" in ran.err
    finally:
        (half / "backup.manifest.copy").unlink()
        half.rmdir()


# -- as a new database -----------------------------------------------------------------------


def test_a_new_database_is_made_beside_its_source(story: Story):
    site, before = story.site, story.repository()
    # Not even the data plane's own user may write to the source meanwhile.
    backups = Path(site.layout.repository("shop")) / "backup"
    modes = {path: path.stat().st_mode for path in (backups, *backups.rglob("*")) if path.is_dir()}
    for path in modes:
        path.chmod(0o555)
    try:
        outcome = story.restore("--to-name", story.point, "--as", "shop_time", "--nodes", "1")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert story.repository() == before
    assert "at restore point" in outcome["reached"]["stopped"]
    assert outcome["reached"]["timeline"] == 2
    assert outcome["access"]["closed_logins"] == ["outsider"]
    assert story.rows("shop_time") == 100
    assert story.rows() == 200
    site.settled(_document_of(site, outcome["name"]))
    (backup,) = site.json("get", "backups", "shop_time")
    assert backup["kind"] == "full"
    archive = Path(site.layout.repository("shop_time")) / "archive"
    assert [path.name for path in archive.iterdir()] == ["shop_time"]


def _document_of(site: RealSite, name: str) -> Path:
    return site.document(name, nodes=1, databases=[{"name": "shop", "schemas": []}], version=15)


def test_its_roles_are_its_own(story: Story):
    site = story.site
    address = site.leader("shop_time")["address"]
    found = {
        row[0]: row[1] for row in site.sql(address, "select rolname, rolcanlogin from pg_roles")
    }
    assert found["shop_time_app_a"] is True
    assert found["outsider"] is False
    assert "shop_app_a" not in found
    theirs = psycopg.conninfo.conninfo_to_dict(site.dsn("shop"))
    ours = psycopg.conninfo.conninfo_to_dict(site.dsn("shop_time"))
    assert ours["password"] != theirs["password"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            **{**ours, "user": "outsider", "password": "as the backup had it"}  # type: ignore[arg-type]
        )
    owner = site.sql(address, "select tableowner from pg_tables where tablename = 'item'", "shop")
    assert owner == [("shop_time_owner",)]
    site.run("delete", "shop_time", "--purge", "--yes")


def test_a_control_plane_that_dies_in_a_restore_goes_on_with_it(story: Story):
    site = story.site
    operation = site.json("restore", "shop", "--to-lsn", story.lsn, "--nodes", "1", "--no-wait")
    for step in ("restore the backup", "recover up to the target", "hand the data over"):
        kill_control_plane_in(site, operation["id"], step)
    ended = site.json("op", "watch", operation["id"])
    assert ended["state"] == "succeeded", ended["error"]
    assert ended["database"] == "shop_r1"
    assert story.rows("shop_r1") == 100
    site.run("delete", "shop_r1", "--purge", "--yes")


# -- in place --------------------------------------------------------------------------------


def test_in_place_wants_consent_to_what_is_lost(story: Story):
    ran = story.site.run("restore", "shop", "--to-time", story.time, "--in-place", exit_code=2)
    # One is ours; vacuum may have come by.
    assert re.search(r"\d+ committed transactions are lost, from ", ran.err)
    assert "add --yes" in ran.err
    assert story.rows() == 200


def test_in_place_goes_back_and_undo_goes_forth_again(story: Story):
    site, dsn = story.site, story.site.dsn("shop")
    words = ("--to-time", story.time, "--in-place", "--yes", "--no-wait")
    operation = site.json("restore", "shop", *words)
    for step in ("stop it, the leader last", "keep the present data", "hand the copy over"):
        kill_control_plane_in(site, operation["id"], step)
    ended = site.json("op", "watch", operation["id"])
    assert ended["state"] == "succeeded", ended["error"]
    outcome = ended["outcome"]
    assert outcome["loss"]["lost_commits"] >= 1
    assert outcome["kept"]["clean"]
    assert outcome["kept"]["problem"] == ""
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from item").fetchone() == (100,)
    site.settled(story.document)
    assert {node["timeline"] for node in site.describe("shop")["nodes"]} == {3}
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("insert into item values (1001)")
    site.run("restore", "shop", "--undo", "--yes")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from item").fetchone() == (200,)
    site.settled(story.document)
    # What undo has replaced is kept in its turn, until somebody lets it go.
    (kept,) = (Path(site.layout.cluster("shop")) / "kept").iterdir()
    assert kept.is_dir()
    site.run("restore", "shop", "--discard", "--yes")
    site.run("restore", "shop", "--undo", "--yes", exit_code=7)


def test_the_way_that_was_left_can_still_be_gone(story: Story):
    """The row that the undo threw away lies on a timeline of its own."""
    outcome = story.restore("--latest", "--timeline", "3", "--as", "shop_dead", "--nodes", "1")
    assert outcome["target"]["timeline"] == 3
    with psycopg.connect(story.site.dsn("shop_dead")) as connection:
        found = connection.execute("select max(id) from item").fetchone()
    assert found == (1001,)


def kill_control_plane_in(site: RealSite, operation_id: str, step: str) -> None:
    """SIGKILL for the control plane as soon as the operation is in a step."""
    (pid,) = (
        part["pid"] for part in site.json("status", exit_code=None)
        if part["name"] == "control-plane"
    )  # fmt: skip
    query = f"select 1 from holdfast.operation_step where operation_id = '{operation_id}' and "
    until(
        lambda: site.control_rows(f"{query} name = '{step}'"),
        deadline_s=120,
        every_s=0.02,
        what=f"step {step!r}",
    )
    os.kill(pid, signal.SIGKILL)
    until(
        lambda: site.run("op", "show", operation_id, exit_code=None).exit_code == 0,
        deadline_s=60,
        what="a new control plane",
    )
