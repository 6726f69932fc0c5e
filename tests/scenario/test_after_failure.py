"""After something failed: an apply brings it back, and throws nothing away that may be needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.scenario.site import RealSite, Writer, until

NAME = "healed"


@pytest.fixture(scope="module")
def document(site: RealSite) -> Iterator[Path]:
    """A database of two nodes, with a table to write to."""
    path = site.document(NAME, nodes=2)
    site.apply(path)
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    yield path
    site.run("delete", NAME, "--purge", "--yes")


def test_an_apply_without_changes_confirms_a_database_whose_last_one_failed(
    site: RealSite, document: Path
) -> None:
    site.settled(document)
    site.control_rows(f"update database set phase = 'failed' where name = '{NAME}' returning name")
    ran = site.apply(document)
    assert "the last apply failed" in ran.err, ran
    assert site.describe(NAME)["phase"] == "ready"
    ran = site.apply(document)
    assert "the last apply failed" not in ran.err, ran


def test_an_old_leader_that_cannot_be_rewound_keeps_its_data(
    site: RealSite, document: Path
) -> None:
    """Its tier is asynchronous, so it may hold the only copy of an acknowledged write."""
    old = site.leader(NAME)
    new = next(node for node in site.describe(NAME)["nodes"] if node["name"] != old["name"])
    site.services(lambda each: each.stop(f"{new['name']}-patroni"))
    for _ in range(5):
        site.sql(old["address"], "insert into written default values", NAME)
    site.services(lambda each: each.stop(f"{old['name']}-patroni"))
    site.services(lambda each: each.start(f"{new['name']}-patroni"))
    until(lambda: site.describe(NAME)["leader"] == new["name"], what="another leader")

    root = Path(site.layout.node(NAME, int(old["name"].rsplit("-", 1)[1])).root)
    data = root / "data"
    identity = data.stat().st_ino
    # A folder that pg_rewind cannot read.
    (data / "closed").mkdir()
    os.chown(data / "closed", data.stat().st_uid, data.stat().st_gid)
    (data / "closed").chmod(0)
    site.services(lambda each: each.start(f"{old['name']}-patroni"))
    log = root / "log" / "patroni.log"
    until(lambda: "Failed to rewind" in log.read_text(), deadline_s=90, what="a failed rewind")
    assert data.stat().st_ino == identity

    ran = site.apply(document)
    assert "writes that nobody else has, are kept in" in ran.err, ran
    (kept,) = root.glob("data-*")
    assert kept.stat().st_ino == identity
    assert (kept / "PG_VERSION").exists()
    states = {node["name"]: node["state"] for node in site.describe(NAME)["nodes"]}
    assert states == {new["name"]: "running", old["name"]: "streaming"}
    assert site.plan(document).exit_code == 0
