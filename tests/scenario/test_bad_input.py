"""What a person may get wrong, at the command line: refused with its place, and nothing is done."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.scenario.site import RealSite
from tests.unit.spec.test_limits import LAUGHS

GOOD = """\
apiVersion: holdfast/v1
kind: Database
name: wrong
owner: checkout
environment: test
tier: quick
size: xs
classification: internal
"""

WRONG = {
    "a kind that is not there": (
        GOOD.replace("kind: Database", "kind: Databse"),
        ":2:7:",
        "Database",
    ),
    "a field that is not there": (GOOD + "ownr: x\n", ":9:1:", "'owner'"),
    "a tier that is not there": (GOOD.replace("quick", "quik"), ":6:7:", "quick"),
    "two documents with one name": (GOOD + "---\n" + GOOD, ":12:7:", "wrong"),
    "no YAML": (GOOD + "labels: {a: b\n", ":", "yaml"),
    "a tab": (GOOD + "labels:\n\ta: b\n", ":10:1:", "tab"),
    "ten megabytes": ("# " + "x" * 10 * 2**20, "", "at most 3145728 are read"),
    "an alias bomb": (LAUGHS, ":", "aliases"),
    "a version that is not installed": (GOOD + "version: 14\n", ":9:10:", "14"),
    "a name for a shell": (GOOD.replace("wrong", '"x; touch HERE"'), ":3:7:", "a name has"),
    "a name for SQL": (
        GOOD.replace("wrong", '"x\'; drop table operation; --"'),
        ":3:7:",
        "a name has",
    ),
    "a name with accents": (GOOD.replace("wrong", "Größe"), ":3:7:", "a name has"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_document_is_refused_with_its_place(site: RealSite, what: str) -> None:
    text, place, said = WRONG[what]
    path = site.folder / "wrong.yaml"
    touched = site.folder / "touched"
    path.write_text(text.replace("HERE", str(touched)))
    known = site.control_rows("select count(*) from operation")
    for verb in (("plan",), ("apply", "--yes")):
        ran = site.run(*verb, path, exit_code=2)
        assert said.lower() in ran.err.lower(), ran
        assert not place or f"{path}{place}" in ran.err, ran
        assert "Traceback" not in ran.err
    assert site.control_rows("select count(*) from operation") == known
    assert not touched.exists()
    path.unlink()


@pytest.mark.parametrize(("number", "age"), [(0, "an older"), (99, "a newer")])
def test_a_home_of_another_version_is_left_alone(number: int, age: str) -> None:
    other = RealSite.new()
    other.home.mkdir()
    record = {"format": number, "id": "0badcafe", "subnet": "127.77.13", "os_user": "nobody"}
    (other.home / "site.json").write_text(json.dumps(record))
    for verb in ("up", "status", "down", "plan"):
        ran = other.run(verb, *(["x.yaml"] if verb == "plan" else []), exit_code=3)
        assert f"was made by {age} version of holdfast" in ran.err, ran
    assert {each.name for each in other.home.iterdir()} == {"lock", "site.json"}
    assert (other.home / "site.json").read_text() == json.dumps(record)
    (other.home / "site.json").unlink()
    other.close()


def test_a_home_that_cannot_be_written_to_is_named() -> None:
    for home in (Path("/proc/holdfast"), Path("/dev/null/holdfast")):
        ran = RealSite(home, Path()).run("up", exit_code=1)
        assert f"the home folder {home} cannot be written to" in ran.err
        assert "choose another HOLDFAST_HOME" in ran.err


@contextmanager
def tiny_disk(folder: Path) -> Iterator[None]:
    """A disk of four pages in the place of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k,mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nobody may mount a disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_an_apply_goes_on_when_there_is_room(site: RealSite) -> None:
    document = site.document("tight")
    try:
        with tiny_disk(Path(site.layout.cluster("tight"))):
            ran = site.apply(document, exit_code=1)
            assert "no space left on device" in ran.err, ran
            assert "free some disk space" in ran.err, ran
            assert "Traceback" not in ran.err
        site.apply(document)
        assert site.plan(document).exit_code == 0
    finally:
        site.run("delete", "tight", "--purge", "--yes", exit_code=None)


def test_two_homes_stand_side_by_side(site: RealSite) -> None:
    """One is made, used and ended while the other goes on as if it were alone."""
    other = RealSite.new()
    site.apply(site.document("beside"))
    try:
        before = {part["name"]: part["pid"] for part in site.json("status")}
        other.run("up")
        other.take_over_quick_tier()
        other.apply(other.document("beside"))
        ours, theirs = (each.describe("beside")["nodes"][0] for each in (site, other))
        assert ours["name"] == theirs["name"]
        assert ours["address"] != theirs["address"]
        assert site.dsn("beside") != other.dsn("beside")
        other.run("down")
        assert other.processes() == []
        assert {part["name"]: part["pid"] for part in site.json("status")} == before
        assert site.plan(site.document("beside")).exit_code == 0
        other.run("up")
        other.settled(other.document("beside"), deadline_s=90)
        other.run("delete", "beside", "--purge", "--yes")
        assert site.plan(site.document("beside")).exit_code == 0
    finally:
        other.close()
        site.run("delete", "beside", "--purge", "--yes")
