"""`kill -9` of anything of a running site, one part at a time and all of them at once.

Two clients write throughout, one directly and one through the pooler. Whatever is killed, what
they were told is written is there afterwards, and nobody had to lend a hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from holdfast.core.layout import etcd_prefix
from tests.scenario import faults_support
from tests.scenario.faults_support import FaultySite, Ledger
from tests.scenario.site import until

faulty = faults_support.faulty
NODES = ("orders-1", "orders-2", "orders-3")


@pytest.fixture(scope="module")
def ledgers(faulty: FaultySite) -> Iterator[tuple[Ledger, Ledger]]:
    """A client of each kind of endpoint."""
    with Ledger(faulty, "orders") as direct, Ledger(faulty, "orders", "--pooled") as pooled:
        yield direct, pooled


def _nothing_lost(ledgers: tuple[Ledger, Ledger]) -> None:
    for ledger in ledgers:
        ledger.proceeds()
        assert not ledger.lost()


def _part(site: FaultySite, victim: str) -> str:
    """`leader agent` as `status` calls it: `orders-2-agent`."""
    where, _, part = victim.partition(" ")
    if where == "leader":
        return f"{site.leading('orders')}-{part}"
    return f"{site.following('orders')}-{part}" if where == "replica" else victim


@pytest.mark.parametrize(
    "victim",
    [
        "supervisor",
        "control-plane",
        "control-postgresql",
        "etcd-2",
        "leader patroni",
        "replica patroni",
        "leader agent",
        "replica agent",
        "leader pooler-rw",
        "replica pooler-ro",
    ],
)
def test_a_killed_process_comes_back(
    faulty: FaultySite, ledgers: tuple[Ledger, Ledger], victim: str
) -> None:
    part = _part(faulty, victim)
    before = faulty.pids()
    killed = faulty.kill(part)
    until(lambda: faulty.pids().get(part) not in (None, killed), what=f"a new {part}")
    faulty.heals("orders")
    after = faulty.pids()
    assert [name for name in before if before[name] != after[name]] == [part]
    _nothing_lost(ledgers)


@pytest.mark.parametrize("role", ["replica", "leader"])
def test_a_killed_postgresql_comes_back(
    faulty: FaultySite, ledgers: tuple[Ledger, Ledger], role: str
) -> None:
    leader = faulty.leading("orders")
    node = leader if role == "leader" else faulty.following("orders")
    killed = faulty.postmaster(node)
    os.kill(killed, signal.SIGKILL)
    until(lambda: faulty.postmaster(node) != killed, what=f"a new postmaster of {node}")
    faulty.heals("orders")
    if role == "replica":
        assert faulty.leading("orders") == leader
    _nothing_lost(ledgers)


def test_without_supervisor_and_control_plane_databases_go_on_and_up_heals(
    faulty: FaultySite, ledgers: tuple[Ledger, Ledger]
) -> None:
    postmasters = {node: faulty.postmaster(node) for node in NODES}
    pids = [faulty.pid(part) for part in ("supervisor", "control-plane")]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    told = faulty.run("status", exit_code=1).out
    assert told.count("nobody supervises it") == 16
    ran = faulty.run("plan", faulty.folder / "orders.yaml", exit_code=1)
    assert "hint: run `holdfast up`" in ran.err
    _nothing_lost(ledgers)
    faulty.run("up")
    faulty.heals("orders")
    assert {node: faulty.postmaster(node) for node in NODES} == postmasters
    _nothing_lost(ledgers)


def test_an_agent_that_dies_while_it_holds_clients_holds_them_on(
    faulty: FaultySite, ledgers: tuple[Ledger, Ledger]
) -> None:
    leader = faulty.leading("orders")
    failed = len(ledgers[1].failures)
    with psycopg.connect(faulty.dsn("orders", "--pooled"), prepare_threshold=None) as open_one:
        open_one.execute("select 1")
        operation = faulty.run("switchover", "orders", "--no-wait", "-o", "name").out.strip()
        until(lambda: _report(faulty, leader).get("state") == "pausing", every_s=0.05)
        faulty.kill(f"{leader}-agent")
    ran = faulty.run("op", "watch", operation, exit_code=None)
    assert ran.exit_code == 0, ran
    assert faulty.leading("orders") != leader
    assert ledgers[1].failures[failed:] == []
    faulty.heals("orders")
    _nothing_lost(ledgers)


def _report(site: FaultySite, node: str) -> dict[str, object]:
    key = f"{etcd_prefix('orders')}pooler/nodes/{node}"
    found = site.etcd(lambda client: client.get(key))
    return dict(json.loads(found.value)) if found else {}


def test_a_killed_archiver_leaves_no_gap(
    faulty: FaultySite, ledgers: tuple[Ledger, Ledger]
) -> None:
    leader = faulty.nodes("orders")[faulty.leading("orders")]["address"]
    segments, killed = [], 0
    end = time.monotonic() + 60
    while killed < 3:
        switched = "select pg_walfile_name(pg_switch_wal())"
        segments.append(faulty.sql(leader, switched)[0][0])
        looked = time.monotonic()
        while time.monotonic() < looked + 1:
            killed += _kill_archivers(faulty)
        assert time.monotonic() < end, f"only {killed} archivers were met"
    archive = Path(faulty.layout.repository("orders")) / "archive"

    def missing() -> list[str]:
        there = {path.name[:24] for path in archive.rglob("*-*")}
        return [segment for segment in segments if segment not in there]

    until(lambda: not missing(), deadline_s=120, what="every segment in the archive")
    _nothing_lost(ledgers)


def _kill_archivers(site: FaultySite) -> int:
    found = [one for one in site.processes() if "archive-push" in one.command]
    for one in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
    return len(found)


def test_a_crash_of_the_machine_is_healed_by_up(
    faulty: FaultySite, ledgers: tuple[Ledger, Ledger]
) -> None:
    known = faulty.operations()
    leader = faulty.leading("orders")
    faulty.kill_everything()
    told = faulty.run("status", exit_code=1).out
    assert "running" not in told
    # After a real crash, pids are given out anew: somebody else has the postmasters' now.
    with _stranger(faulty) as stranger:
        _hand_over_pids(faulty, stranger)
        faulty.run("up")
        faulty.heals("orders", within_s=150)
    assert faulty.operations() == known
    assert faulty.leading("orders") in (leader, *NODES)
    _nothing_lost(ledgers)


@contextlib.contextmanager
def _stranger(site: FaultySite) -> Iterator[int]:
    """A process of the data plane's user that has nothing to do with the site."""
    switch = {"user": site.layout.os_user} if os.geteuid() == 0 else {}
    process = subprocess.Popen(["sleep", "600"], cwd="/", env={}, **switch)
    try:
        yield process.pid
    finally:
        assert process.poll() is None, "somebody ended a process that is none of ours"
        process.kill()
        process.wait(timeout=10)


def _hand_over_pids(site: FaultySite, pid: int) -> None:
    home = Path(site.home)
    files = [
        *home.glob("clusters/*/*/data/postmaster.pid"),
        *home.glob("clusters/*/*/run/.s.PGSQL.5432.lock"),
        home / "control/data/postmaster.pid",
        home / "control/run/.s.PGSQL.5432.lock",
    ]
    assert len(files) == 8
    for file in files:
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join([f"{pid}\n", *lines[1:]]))
