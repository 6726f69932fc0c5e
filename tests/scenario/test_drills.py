"""Drills on a real cluster: faults that heal, and faults that are undone whatever happens.

Each test leaves a whole cluster behind and nothing frozen. All drills together take a quarter of an
hour: `make drills` runs them, here stand those that show the frame.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.scenario import faults_support
from tests.scenario.faults_support import FaultySite
from tests.scenario.site import until

faulty = faults_support.faulty
CONSENT = ("--consent", "a test", "--yes")


@pytest.fixture
def site(faulty: FaultySite) -> Iterator[FaultySite]:
    yield faulty
    faulty.heals("orders")
    assert frozen(faulty) == []


def frozen(site: FaultySite) -> list[str]:
    """Processes of the site that are stopped."""
    found = []
    for process in site.processes():
        stat = Path(f"/proc/{process.pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "T":
            found.append(process.command)
    return found


def record(site: FaultySite, operation: str) -> dict[str, Any]:
    """What a run has left."""
    found: dict[str, Any] = site.json("drill", "--report", operation)
    return found


def started(site: FaultySite, drill: str) -> str:
    """A drill that is under way, its fault caused; the operation."""
    operation = site.json("drill", "orders", drill, *CONSENT, "--no-wait")

    def caused() -> bool:
        lines = site.control_rows(
            f"select text from holdfast.operation_log where operation_id = '{operation['id']}'"
        )
        return any(text.startswith("done:") for (text,) in lines)

    until(caused, deadline_s=60, every_s=0.1, what="the fault")
    return str(operation["id"])


def test_a_production_database_is_not_drilled_without_a_word(site: FaultySite):
    ran = site.run("drill", "orders", "kill-primary", "--yes", exit_code=3)
    assert "--consent" in ran.err
    assert site.operations()[0]["state"] == "failed"


def test_nobody_but_a_node_receives_wal(site: FaultySite):
    """With no standby left, anybody who did could satisfy a strict commit."""
    leader = site.leader("orders")
    pki = site.home / "pki"
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry for replication"):
        psycopg.connect(
            host=leader["address"], port=5432, user="postgres", dbname="replication",
            replication="true", sslmode="verify-full", sslrootcert=str(pki / "ca.crt"),
            sslcert=str(pki / "control.crt"), sslkey=str(pki / "control.key"),
        )  # fmt: skip


def test_two_drills_at_once_are_refused(site: FaultySite):
    site.control_rows(
        "insert into holdfast.operation (id, kind, database, request, state, actor, started_at)"
        " values ('op-other', 'drill', 'other', '{}', 'running', 'test', now()) returning id"
    )
    try:
        ran = site.run("drill", "orders", "kill-primary", *CONSENT, exit_code=4)
    finally:
        site.control_rows("delete from holdfast.operation where id = 'op-other' returning id")
    assert "drill op-other runs on other" in ran.err


def test_a_server_that_hangs_is_ended_by_its_agent(site: FaultySite):
    operation = site.json("drill", "orders", "stop-postmaster", "--seed", "7", *CONSENT)
    found = record(site, operation["id"])
    assert found["verdict"] == "proven", found["reasons"]
    measured = found["measured"]
    assert (measured["lost"], measured["seed"], measured["consent"]) == (0, 7, "a test")
    assert measured["new_leader"] != measured["old_leader"]
    # Nobody but the agent would have ended it.
    log = site.run("logs", "orders", "--program", "agent", "--lines", "200").out
    assert "ending the server" in log

    page = site.run("drill", "--report", operation["id"], "-o", "html").out
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 3
    raw = json.loads(site.run("drill", "--raw", operation["id"]).out)
    acknowledged = sum(1 for attempt in raw["attempts"] if attempt[3] == "acknowledged")
    assert acknowledged == measured["acknowledged"]


def test_a_drill_that_is_cancelled_is_undone_at_once(site: FaultySite):
    operation = started(site, "etcd-member-lost")
    assert frozen(site) != []
    site.run("op", "cancel", operation)
    until(lambda: frozen(site) == [], deadline_s=10, what="nothing frozen")
    site.run("op", "watch", operation, exit_code=None)
    (ended,) = [each for each in site.operations() if each["id"] == operation]
    assert ended["state"] == "cancelled"
    assert record(site, operation)["reasons"][0] == "fault: it was cancelled"


def test_a_control_plane_that_is_killed_leaves_nothing_frozen(site: FaultySite):
    operation = started(site, "etcd-member-lost")
    os.kill(site.pid("control-plane"), signal.SIGKILL)
    until(site.answers, deadline_s=60, what="the next control plane")
    site.run("op", "watch", operation)
    assert frozen(site) == []
    found = record(site, operation)
    assert found["verdict"] == "unproven"
    assert "the control plane ended during the drill" in found["reasons"][0]


def test_a_failover_needs_no_control_plane(site: FaultySite):
    operation = site.json("drill", "orders", "control-plane-killed", *CONSENT)
    found = record(site, operation["id"])
    assert found["verdict"] == "proven", found["reasons"]
    assert found["measured"]["lost"] == 0
