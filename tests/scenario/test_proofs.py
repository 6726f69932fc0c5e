"""The demo, and on the platform it leaves behind: proofs that hold, and faults that they find.

The tests stand in the order of the story and share one cluster.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.cli.commands.demo import DOCUMENT
from holdfast.engines.postgresql.render_sandbox import MARK
from holdfast.system import processes
from tests.scenario.site import ROOT, Ran, RealSite, until

ORDERS = ROOT / "examples" / "orders.yaml"
DRILL = ("drill", "orders", "kill-primary", "--consent", "a test", "--yes")
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def demo(make_site: Callable[[], RealSite]) -> tuple[RealSite, Ran, float]:
    """A platform that the demo has made on a machine that knew nothing of it."""
    site = make_site()
    site.environment["HOLDFAST_DEMO_HOME"] = str(site.home)
    begun = time.monotonic()
    ran = site.run("demo", exit_code=None, timeout_s=380)
    return site, ran, time.monotonic() - begun


@pytest.fixture
def site(demo: tuple[RealSite, Ran, float]) -> RealSite:
    return demo[0]


@pytest.fixture(autouse=True)
def whole(demo: tuple[RealSite, Ran, float]):
    """Every test leaves a whole cluster behind, and nothing of a sandbox or a ledger."""
    site = demo[0]
    yield
    if not site.home.exists():
        return
    until(lambda: is_whole(site), deadline_s=60, what="a whole cluster")
    assert left_behind(site) == []


def is_whole(site: RealSite) -> bool:
    nodes = site.describe("orders")["nodes"]
    roles = sorted((node["role"], node["state"]) for node in nodes)
    return roles == [("leader", "running"), *[("replica", "streaming")] * 2]


def left_behind(site: RealSite) -> list[str]:
    folders = Path(site.layout.sandboxes)
    names = [path.name for path in folders.iterdir()] if folders.exists() else []
    marked = [
        f"{process.pid} {process.command}"
        for process in site.processes()
        if "ledger_client" in process.command or "sandboxes" in process.command
    ]
    query = "select 1 from pg_namespace where nspname = 'holdfast_drill'"
    schemas = site.sql(site.leader("orders")["address"], query, "orders")
    rows = site.control_rows("select owner from holdfast.sandbox")
    return [*names, *marked, *map(str, schemas), *map(str, rows)]


def newest(site: RealSite, kind: str) -> dict[str, Any]:
    """The latest evidence of a kind: verdict, reasons and what was measured."""
    ((verdict, reasons, measured),) = site.control_rows(
        "select verdict, reasons, measured from holdfast.evidence "
        f"where kind = '{kind}' order by at desc limit 1"
    )
    return {"verdict": verdict, "reasons": reasons, **measured}


# -- the demo --------------------------------------------------------------------------------


def test_the_demo_ends_with_every_promise_proven(demo: tuple[RealSite, Ran, float]):
    _, ran, _ = demo
    assert ran.exit_code == 0, ran
    assert "every promise is proven" in ran.out
    assert ran.out.count("proven") == 7
    assert " 0 of " in ran.out
    assert "holdfast demo --down" in ran.out


def test_nothing_is_left_to_do_after_it(site: RealSite):
    site.settled(ORDERS)


def test_its_document_is_the_example():
    assert ORDERS.read_text() == DOCUMENT


# -- restore tests ---------------------------------------------------------------------------


def test_a_restore_test_leaves_evidence_with_its_figures(site: RealSite):
    site.run("verify", "orders")
    found = newest(site, "restore-test")
    assert found["verdict"] == "proven"
    assert found["reasons"] == []
    # pgbench's four, and the platform's own with the markers that the demo has placed.
    assert found["tables_equal"] == found["tables"] == 5
    assert found["recovery_point"]["point"].startswith("holdfast_op-")
    assert found["wal_bytes"] > 0
    assert found["restore_s"] > 0


def test_all_of_it_is_in_a_ledger_that_is_checked_elsewhere(site: RealSite, tmp_path: Path):
    site.dsn("orders")

    def signed() -> dict[str, Any]:
        found = site.json("evidence", "verify")
        return found if found["signed"] == found["leaves"] else {}

    found = until(signed, deadline_s=30, what="a head over every leaf")
    assert (found["whole"], found["findings"]) == (True, [])
    leaves = site.json("evidence", "list", "--limit", "1000")
    kinds = {each["kind"] for each in leaves}
    assert {"approval", "apply", "ready", "verify", "drill", "secret-access"} <= kinds
    assert "scheduler" not in {each["actor"] for each in leaves}  # nothing is due yet
    proof = next(each for each in leaves if each["kind"] == "restore-test")
    shown = site.json("evidence", "show", proof["id"])
    assert shown["head"] is not None
    bundle = tmp_path / "bundle.json"
    site.run("evidence", "export", "-o", bundle)
    key = Path(site.layout.evidence) / "key.pub"
    checked = subprocess.run(
        [sys.executable, "-m", "holdfast.evidence_check", bundle, "--key", key],
        env=site.variables(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith(f"TRUE: leaves 0 to {found['leaves'] - 1} ")


def test_a_flipped_byte_in_the_repository_is_found(site: RealSite):
    label = site.json("get", "backups", "orders")[0]["label"]
    folder = Path(site.layout.repository("orders")) / "backup/orders" / label
    files = (path for path in folder.rglob("*") if path.is_file() and "manifest" not in path.name)
    file = max(files, key=lambda path: path.stat().st_size)
    place = file.stat().st_size // 2
    flip(file, place)
    try:
        ran = site.run("verify", "orders", exit_code=1)
        assert "failed" in ran.out
        promises = site.json("get", "promises", "orders")
        assert {each["id"]: each["verdict"] for each in promises}["restore"] == "failed"
    finally:
        flip(file, place)
    found = newest(site, "restore-test")
    assert found["verdict"] == "failed"
    assert any(each.startswith("restore: pgbackrest restore") for each in found["reasons"])


def test_a_restore_test_under_load_is_proven_too(site: RealSite):
    dsn = site.dsn("orders")
    over = threading.Event()

    def work() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not over.is_set():
                connection.execute("insert into pgbench_history (tid, bid) values (1, 1)")
                connection.execute("update pgbench_tellers set tbalance = tbalance + 1")
                time.sleep(0.005)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        site.run("verify", "orders")
    finally:
        over.set()
        worker.join(timeout=60)
    found = newest(site, "restore-test")
    assert "orders.public.pgbench_accounts" not in found["tables_bounded"]
    assert found["tables_different"] == []


def test_a_cancelled_restore_test_leaves_nothing_but_what_was_proven_before(site: RealSite):
    before = newest(site, "restore-test")
    operation = site.json("verify", "orders", "--no-wait")
    site.run("op", "cancel", operation["id"])
    ran = site.run("op", "watch", operation["id"], "-o", "json", exit_code=1)
    assert ran.data["state"] == "cancelled"
    assert newest(site, "restore-test") == before


def owned_by(user: str) -> dict[str, str]:
    """What makes `Popen` start a program as this user; nothing where we are that user."""
    return {"user": user, "group": user} if os.geteuid() == 0 else {}


def test_what_an_operation_that_is_gone_left_behind_is_removed(site: RealSite):
    folder = Path(site.layout.sandboxes) / "op-222222222"
    folder.mkdir()
    # A sandbox's server runs as the data plane's user, and signals come from that user alone.
    lost = subprocess.Popen(
        ["sleep", "300"], env={MARK: str(folder)}, **owned_by(site.layout.os_user)
    )
    try:
        site.run("verify", "orders")
        assert not folder.exists()
        assert lost.wait(timeout=5) != 0
        assert processes.started_with(MARK, str(folder)) == []
    finally:
        lost.kill()


def test_backups_are_taken_and_listed(site: RealSite):
    before = {each["label"] for each in site.json("get", "backups", "orders")}
    operation = site.json("backup", "orders", "--kind", "incr")
    found = {each["label"]: each for each in site.json("get", "backups", "orders")}
    assert set(found) - before == {operation["outcome"]["label"]}
    assert found[operation["outcome"]["label"]]["kind"] == "incr"
    site.run("verify", "orders")
    assert newest(site, "restore-test")["backup"] == operation["outcome"]["label"]


# -- drills ----------------------------------------------------------------------------------


def test_a_killed_primary_costs_no_acknowledged_write(site: RealSite):
    before = site.leader("orders")
    site.run(*DRILL)
    found = newest(site, "drill/kill-primary")
    assert found["verdict"] == "proven"
    assert (found["lost"], found["repeated"], found["misplaced"], found["foreign"]) == (0, 0, 0, 0)
    assert found["old_leader"] == before["name"]
    assert found["new_leader"] != before["name"]
    assert found["timeline_after"] == found["timeline_before"] + 1
    assert set(found["gap_s"]) == {"direct", "pooled", "new"}
    assert max(found["gap_s"].values()) <= 25
    for slots in found["per_100_ms"].values():
        assert sum(slots[:30]) > 0
        assert 0 in slots[30:]
        assert sum(slots[-20:]) > 0


def test_a_killed_node_costs_no_acknowledged_write(site: RealSite):
    site.run("drill", "orders", "kill-node", "--consent", "a test", "--yes")
    found = newest(site, "drill/kill-node")
    assert (found["verdict"], found["lost"]) == ("proven", 0)


def test_lost_writes_are_found(site: RealSite):
    """Rows that clients were told of are deleted behind the drill's back."""
    gone = threading.Event()

    def delete() -> None:
        def deleted() -> bool:
            try:
                address = site.leader("orders")["address"]
                return bool(
                    site.sql(
                        address,
                        "delete from holdfast_drill.ledger where number between 5 and 7 "
                        "and session = 3 returning 1",
                        "orders",
                    )
                )
            except (psycopg.Error, StopIteration, AssertionError):
                return False

        until(deleted, deadline_s=120, what="rows to delete")
        gone.set()

    thief = threading.Thread(target=delete)
    thief.start()
    ran = site.run(*DRILL, exit_code=1)
    thief.join(timeout=130)
    assert gone.is_set()
    assert "acknowledged writes are lost" in ran.out
    found = newest(site, "drill/kill-primary")
    assert found["verdict"] == "failed"
    assert found["lost"] == 3
    assert {write["session"] for write in found["lost_writes"]} == {3}


def test_a_control_plane_that_dies_in_a_drill_kills_nothing_twice(site: RealSite):
    leader = site.leader("orders")
    timeline = leader["timeline"]
    operation = site.json(*DRILL, "--no-wait")
    kill_control_plane_in(site, operation["id"], "cause the fault under load", after="done")
    ended = site.json("op", "watch", operation["id"])
    assert ended["state"] == "succeeded"
    assert ended["outcome"]["verdict"] == "unproven"
    assert "the control plane ended during the drill" in ended["outcome"]["reasons"][0]
    until(lambda: is_whole(site), deadline_s=60, what="a whole cluster")
    assert site.leader("orders")["timeline"] == timeline + 1
    promises = {each["id"]: each for each in site.json("get", "promises", "orders")}
    assert promises["loss"]["verdict"] == "unproven"


def test_markers_are_found_across_two_failovers(site: RealSite):
    """The first backup is older than the failovers of the tests above; its WAL crosses them all."""
    oldest = site.json("get", "backups", "orders")[-1]["label"]
    site.run("verify", "orders", "--layers", "6", "--backup", oldest)
    found = newest(site, "point-in-time")
    assert (found["verdict"], found["backup"]) == ("proven", oldest)
    (layer,) = found["layers"]
    (crossed,) = (said for said in layer["looked_at"] if "changes of timeline" in said)
    assert int(crossed.split()[0]) >= 2


def test_a_drill_on_a_cluster_that_is_not_whole_is_refused(site: RealSite):
    leader = site.describe("orders")["leader"]
    parts = {part["name"]: part for part in site.json("status")}
    replica = next(f"orders-{k}" for k in (1, 2, 3) if f"orders-{k}" != leader)
    patroni = parts[f"{replica}-patroni"]["pid"]
    os.kill(patroni, signal.SIGSTOP)
    try:
        ran = site.run(*DRILL, exit_code=3)
    finally:
        os.kill(patroni, signal.SIGCONT)
    assert "is not whole" in ran.err
    assert replica in ran.err


def test_a_drill_that_does_not_exist_is_refused_at_once(site: RealSite):
    ran = site.run("drill", "orders", "eat-the-disk", "--yes", exit_code=2)
    assert "there is no drill 'eat-the-disk'" in ran.err


# -- the end ---------------------------------------------------------------------------------


def test_the_demo_is_removed_without_a_trace(site: RealSite):
    layout = site.layout
    site.run("demo", "--down")
    assert not site.home.exists()
    assert processes.site_processes(layout.id, str(site.home)) == []


def kill_control_plane_in(site: RealSite, operation_id: str, step: str, after: str = "") -> None:
    """SIGKILL for the control plane while it is in a step, once `after` stands in the log."""
    (pid,) = (
        part["pid"] for part in site.json("status", exit_code=None)
        if part["name"] == "control-plane"
    )  # fmt: skip

    def reached() -> bool:
        states: Mapping[str, str] = dict(
            site.control_rows(
                f"select name, state from holdfast.operation_step "
                f"where operation_id = '{operation_id}'"
            )
        )
        if after:
            lines = site.control_rows(
                f"select 1 from holdfast.operation_log where operation_id = '{operation_id}' "
                f"and text like '{after}%'"
            )
            return bool(lines)
        return step in states

    until(reached, deadline_s=90, every_s=0.02, what=f"step {step!r}")
    os.kill(pid, signal.SIGKILL)
    until(
        lambda: site.run("op", "show", operation_id, exit_code=None).exit_code == 0,
        deadline_s=60,
        what="a new control plane",
    )


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 0xFF]))
        os.fsync(stream.fileno())
