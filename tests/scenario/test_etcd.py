"""etcd loses one member, two members, and what members have remembered."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scenario import faults_support
from tests.scenario.faults_support import TIER_0, FaultySite, Ledger
from tests.scenario.site import RealSite, until

faulty = faults_support.faulty
MEMBERS = ("etcd-1", "etcd-2", "etcd-3")
TTL_S = 20
"""How long a leader of tier-0 may be without etcd before somebody else would take over."""


@pytest.fixture(scope="module")
def ledger(faulty: FaultySite) -> Iterator[Ledger]:
    """Writes go on through everything that happens here."""
    with Ledger(faulty, "orders", "--pooled") as kept:
        yield kept


def _stop(site: RealSite, *members: str) -> None:
    for member in members:
        site.services(lambda services, member=member: services.stop(member))


def _etcd_leader(site: FaultySite) -> str:
    parts = site.parts()
    return next(member for member in MEMBERS if parts[member]["detail"] == "leader")


def _forget(site: RealSite, member: str) -> None:
    """Remove what the member remembers; one that runs may write while it goes."""
    folder = Path(site.layout.etcd(int(member[-1])) / "data")
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def test_everything_works_without_one_member(faulty: FaultySite, ledger: Ledger) -> None:
    gone = _etcd_leader(faulty)
    _stop(faulty, gone)
    told = faulty.run("status", exit_code=1).out
    assert f"{gone}              stopped  BAD" in told
    faulty.apply(faulty.document("orders", **TIER_0, parameters={"work_mem": "5MB"}))
    before = faulty.leading("orders")
    faulty.run("switchover", "orders")
    assert faulty.leading("orders") != before
    with faulty.superuser(faulty.nodes("orders")[before]["address"]) as connection:
        assert connection.execute("show work_mem").fetchone() == ("5MB",)
    ledger.proceeds()
    faulty.run("up")
    faulty.apply(faulty.document("orders", **TIER_0))
    faulty.heals("orders")
    assert not ledger.lost()


def test_without_two_members_nothing_changes_and_writes_go_on(
    faulty: FaultySite, ledger: Ledger
) -> None:
    leader, known = faulty.leading("orders"), len(faulty.operations())
    gone = MEMBERS[:2]
    _stop(faulty, *gone)
    begun, timeline = time.monotonic(), faulty.nodes("orders")[leader]["timeline"]
    path = faulty.document("orders", **TIER_0, parameters={"work_mem": "5MB"})
    for command in (("plan", path), ("apply", path, "--yes")):
        ran = faulty.run(*command, exit_code=1)
        assert "etcd has no quorum: 1 of 3 members answer" in ran.err
        assert "hint: run holdfast status" in ran.err
    assert len(faulty.operations()) == known
    told = faulty.run("status", exit_code=1).out
    for member in gone:
        assert f"{member}              stopped  BAD" in told
    # Long enough for the leader's key to have expired, had it been kept anywhere.
    until(lambda: time.monotonic() - begun > TTL_S + 3, deadline_s=60)
    ledger.proceeds()
    for member in gone:
        faulty.services(lambda services, member=member: services.start(member))
    faulty.document("orders", **TIER_0)
    faulty.heals("orders")
    # It has not stepped down in between: that would have cost a timeline.
    assert faulty.leading("orders") == leader
    assert faulty.nodes("orders")[leader]["timeline"] == timeline
    assert not ledger.lost()


def test_a_member_whose_data_were_removed_under_it_is_readmitted(
    faulty: FaultySite, ledger: Ledger
) -> None:
    _forget(faulty, "etcd-2")
    assert "its data are gone: run holdfast up" in faulty.run("status", exit_code=1).out
    faulty.run("up")
    faulty.heals("orders")
    assert not ledger.lost()


def test_a_member_that_died_and_lost_its_data_is_readmitted(
    faulty: FaultySite, ledger: Ledger
) -> None:
    _forget(faulty, "etcd-1")
    faulty.kill("etcd-1")
    # It must not come back by itself: with nothing remembered it would vote against its word.
    until(lambda: faulty.parts()["etcd-1"]["state"] == "failed", what="a member that gives up")
    faulty.run("up")
    faulty.heals("orders")
    # Now it counts like the others: the cluster lives on without one of those.
    _stop(faulty, "etcd-3")
    # The one that stopped may have led: the other two take a moment to agree.
    until(lambda: faulty.is_declared("orders"), what="a plan with two of three members")
    faulty.run("up")
    faulty.heals("orders")
    assert not ledger.lost()


def test_more_than_one_lost_memory_is_told_and_never_papered_over(
    make_site: Callable[[], RealSite],
) -> None:
    site = FaultySite.like(make_site())
    site.run("up")
    site.kill_everything()
    for member in MEMBERS[:2]:
        _forget(site, member)
    ran = site.run("up", exit_code=1)
    assert "etcd-1 and etcd-2 have lost their data, and what is left is no majority" in ran.err
    assert f"put a copy of {site.home}/etcd back" in ran.err
    assert not [member for member in MEMBERS[:2] if site.parts()[member]["pid"]]
    # The hint's second half.
    site.run("down")
    shutil.rmtree(site.home / "etcd")
    site.run("up")
    assert site.is_well()
