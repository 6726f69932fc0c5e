"""An archive with a fault: an alarm within a minute, and a new backup once it is mended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.scenario.site import RealSite, until


@pytest.fixture(scope="module")
def shelf(site: RealSite) -> Iterator[RealSite]:
    site.apply(site.document("shelf"))
    with psycopg.connect(site.dsn("shelf", "--role", "migrator"), autocommit=True) as connection:
        connection.execute("create table book (id int)")
    try:
        yield site
    finally:
        site.run("delete", "shelf", "--purge", "--yes", exit_code=None)


def switch(site: RealSite) -> str:
    """Have one segment archived, or tried; its name."""
    found = site.sql(
        site.leader("shelf")["address"],
        "select pg_walfile_name(pg_switch_wal()) from "
        "(select pg_logical_emit_message(true, 'test', 'x')) x",
    )
    return str(found[0][0])


def alarms(site: RealSite) -> dict[str, Any]:
    return {each["finding"]: each for each in site.json("get", "alarms", "shelf")}


def archive(site: RealSite) -> Path:
    return Path(site.layout.repository("shelf")) / "archive/shelf"


def labels(site: RealSite) -> list[tuple[str, str]]:
    return [(each["label"], each["kind"]) for each in site.json("get", "backups", "shelf")]


def test_describe_tells_of_the_archive(shelf: RealSite):
    last = switch(shelf)
    until(
        lambda: ((shelf.describe("shelf")["archive"] or {}).get("last_archived") or "") >= last,
        deadline_s=60,
        what="a look at the archive",
    )
    seen = shelf.describe("shelf")["archive"]
    assert (seen["open_gaps"], seen["problem"], seen["leader"]) == ([], "", "shelf-1")
    assert shelf.describe("shelf")["alarms"] == []
    assert last in shelf.run("describe", "shelf").out


def test_a_missing_segment_is_an_alarm_and_heals_with_a_new_backup(shelf: RealSite):
    before = labels(shelf)
    lost = switch(shelf)
    last = switch(shelf)
    until(lambda: list(archive(shelf).rglob(f"{last}-*")), deadline_s=30, what="its successor")
    (file,) = archive(shelf).rglob(f"{lost}-*")
    file.unlink()
    until(lambda: "archive.gap" in alarms(shelf), deadline_s=60, what="an alarm")
    assert f"segment {lost} is missing" in alarms(shelf)["archive.gap"]["message"]
    until(lambda: len(labels(shelf)) > len(before), deadline_s=60, what="a new backup")
    assert labels(shelf)[0][1] == "full"
    until(lambda: "archive.gap" not in alarms(shelf), deadline_s=60, what="the alarm's end")


@pytest.mark.skipif(os.geteuid() != 0, reason="the folder is the data plane's own")
def test_a_failing_archiver_is_an_alarm_and_a_backup_follows(shelf: RealSite):
    before = labels(shelf)
    folder = archive(shelf)
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*")) if path.is_dir()}
    for path in modes:
        path.chmod(0o555)
    try:
        switch(shelf)
        until(lambda: "archive.failing" in alarms(shelf), deadline_s=60, what="an alarm")
        assert "cannot be archived" in shelf.run("describe", "shelf").out
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    switch(shelf)  # or the archiver would sleep for the rest of its minute
    until(lambda: "archive.failing" not in alarms(shelf), deadline_s=120, what="the alarm's end")
    until(lambda: len(labels(shelf)) > len(before), deadline_s=60, what="a new backup")


def test_a_damaged_page_fails_the_backup_and_the_older_chain_stays(shelf: RealSite):
    address = shelf.leader("shelf")["address"]
    with psycopg.connect(shelf.dsn("shelf"), autocommit=True) as connection:
        connection.execute("insert into book select generate_series(1, 5000)")
    ((path,),) = shelf.sql(address, "select pg_relation_filepath('public.book')", "shelf")
    shelf.sql(address, "checkpoint")
    before = labels(shelf)
    file = Path(shelf.layout.node("shelf", 1).data) / path
    with file.open("r+b") as stream:
        stream.seek(8192 + 4000)
        byte = stream.read(1)[0]
        stream.seek(8192 + 4000)
        stream.write(bytes([byte ^ 0xFF]))
    try:
        ran = shelf.run("backup", "shelf", "--type", "full", exit_code=1)
    finally:
        with file.open("r+b") as stream:
            stream.seek(8192 + 4000)
            stream.write(bytes([byte]))
    assert "found pages with wrong checksums in" in ran.err
    assert str(path).rpartition("/")[2] in ran.err
    found = shelf.json("get", "backups", "shelf")
    assert found[0]["state"] == "failed"
    assert [(each["label"], each["kind"]) for each in found[1:]] == before
    # Nothing is built on it: the next one rests on the chain before.
    operation = shelf.json("backup", "shelf", "--type", "incr")
    described = shelf.json("describe", "backup", f"shelf/{operation['outcome']['label']}")
    assert found[0]["label"] not in described["detail"]["chain"]
    assert described["state"] == "complete"


def test_only_what_is_proven_is_what_stays(shelf: RealSite):
    """The tier keeps one full backup; the proven one stays beside it."""
    shelf.run("verify", "shelf")
    proven = next(each for each in shelf.json("get", "backups", "shelf") if each["proven_by"])
    chain = proven["label"].partition("_")[0]
    for _ in range(2):
        shelf.run("backup", "shelf", "--type", "full")
    states = {each["label"]: each["state"] for each in shelf.json("get", "backups", "shelf")}
    assert states[chain] == "complete"
    assert states[proven["label"]] == "complete"
