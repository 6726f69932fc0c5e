"""Deleting: refused where the document says so, else complete, whatever comes in between."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from holdfast.core.layout import PATRONI_PORT, POOL_RO_PORT, POOL_RW_PORT, POSTGRESQL_PORT
from tests.scenario.site import RealSite, Writer, until

PORTS = (POSTGRESQL_PORT, POOL_RW_PORT, POOL_RO_PORT, PATRONI_PORT)


@pytest.fixture(autouse=True)
def nothing_else(site: RealSite) -> Iterator[None]:
    """Whatever a test leaves behind does not meet the next one."""
    yield
    for each in site.json("get", "databases"):
        site.run("delete", each["name"], "--purge", "--yes", exit_code=None)


def addresses(site: RealSite, name: str) -> list[str]:
    return [node["address"] for node in site.describe(name)["nodes"]]


def listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def left_over(site: RealSite, name: str, placed: list[str]) -> list[str]:
    """Everything of a database that is still there, in words."""
    layout = site.layout
    found = [
        f"process {each.pid}: {each.command}" for each in site.processes() if name in each.command
    ]
    found += [
        f"{address}:{port} is open"
        for address in placed
        for port in PORTS
        if listens(address, port)
    ]
    folders = (layout.cluster(name), layout.repository(name))
    found += [f"{folder} is there" for folder in folders if Path(folder).exists()]
    for folder, _, files in os.walk(layout.home):
        found += [f"{folder}/{file}" for file in files if file.startswith(f"{name}-")]
    found += [
        f"etcd has {key}"
        for key in site.etcd(lambda etcd: etcd.get_prefix("/holdfast/"))
        if f"/{name}/" in key
    ]
    users = site.etcd(lambda etcd: etcd.users())
    roles = site.etcd(lambda etcd: etcd._gateway.call("/v3/auth/role/list", {})).get("roles") or []
    found += [f"etcd has {each}" for each in (*users, *roles) if each == f"cluster-{name}"]
    found += [
        f"{table} has {row[0]}"
        for table, column in (
            ("database", "name"),
            ("node", "database"),
            ("backup", "database"),
            ("secret", "ref"),
        )
        for row in site.control_rows(f"select {column} from {table}")
        if row[0] == name or row[0].startswith(f"{name}/")
    ]
    return found


def test_a_database_that_is_to_be_retained_is_not_deleted_by_a_bare_word(site: RealSite) -> None:
    """Nor, of course, one that does not exist."""
    document = site.document("quince", deletionPolicy="retain")
    site.apply(document, "--no-wait")
    ran = site.run("delete", "quince", "--yes", exit_code=None)
    assert ran.exit_code == 3, ran
    assert "--force-retain-data" in ran.err
    assert "--purge" in ran.err
    site.run("delete", "nut", "--yes", exit_code=7)
    site.run("delete", "quince", "--purge", "--yes")
    assert left_over(site, "quince", []) == []
    # What is deleted cannot drift.
    planned = site.plan()
    assert planned.exit_code == 0
    assert "there is no database to plan for" in planned.err


def test_a_purge_leaves_nothing_though_the_application_writes_on(site: RealSite) -> None:
    site.apply(site.document("lime", nodes=2))
    placed = addresses(site, "lime")
    with psycopg.connect(site.dsn("lime", "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    assert len(left_over(site, "lime", placed)) > 20
    with Writer(site.dsn("lime", "--pooled"), threads=2) as writer:
        site.run("delete", "lime", "--yes")
    assert writer.failures
    assert left_over(site, "lime", placed) == []
    released = {address for (address,) in site.control_rows("select address from released_address")}
    assert set(placed) <= released
    site.run("describe", "lime", exit_code=7)


def test_a_purge_whose_control_plane_is_killed_again_and_again_comes_to_its_end(
    site: RealSite,
) -> None:
    document = site.document("plum")
    site.apply(document)
    placed = addresses(site, "plum")
    operation = site.json("delete", "plum", "--yes", "--no-wait")["id"]
    kills = 0
    for _ in range(4):
        time.sleep(0.4)
        pid = site.services(lambda supervisor: supervisor.status())["control-plane"].pid
        if pid is not None and state(site, operation) != "succeeded":
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
            until(lambda: state(site, operation), deadline_s=60, what="the control plane")
    assert kills
    until(lambda: state(site, operation) == "succeeded", deadline_s=120, what="its end")
    assert left_over(site, "plum", placed) == []
    # And the name is free again.
    site.apply(document)
    assert site.plan(document).exit_code == 0


def test_a_creation_that_stopped_half_way_can_be_deleted_or_completed(site: RealSite) -> None:
    document = site.document("pear")
    for wait_s in (0.0, 3.0):
        stop_after(site, document, wait_s)
        if not site.json("get", "databases"):
            continue
        placed = addresses(site, "pear")
        site.plan(document)
        site.run("delete", "pear", "--yes")
        assert left_over(site, "pear", placed) == []
    stop_after(site, document, 2.0)
    site.apply(document)
    assert site.plan(document).exit_code == 0


def stop_after(site: RealSite, document: Path, wait_s: float) -> None:
    """Begin to apply a document, and call it off after a while."""
    operation = site.json("apply", document, "--yes", "--no-wait")[0]["id"]
    time.sleep(wait_s)
    site.run("op", "cancel", operation)
    until(lambda: state(site, operation) in ("cancelled", "succeeded"), deadline_s=120)


def state(site: RealSite, operation: str) -> str:
    """The operation's state; empty while nobody answers."""
    ran = site.run("op", "show", operation, "-o", "json", exit_code=None)
    return str(ran.data["state"]) if ran.exit_code == 0 else ""
