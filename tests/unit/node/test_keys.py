"""Reading the cluster's keys, broken ones too."""

from __future__ import annotations

import json

import pytest

from holdfast.node.keys import cluster, matters, remembering, report_text
from holdfast.node.view import Member, Order, Phase, Report

ME = "shop-1"


def member(**more: object) -> str:
    return json.dumps(
        {
            "conn_url": "postgres://10.0.0.2:5433/postgres",
            "role": "replica",
            "state": "running",
            **more,
        }
    )


def test_members() -> None:
    found = cluster({"members/shop-2": member()}, ME)
    assert found.members == {"shop-2": Member("shop-2", "10.0.0.2", 5433, "replica", "running")}


def test_a_member_that_is_tagged_serves_no_reads() -> None:
    found = cluster({"members/shop-2": member(tags={"noloadbalance": True})}, ME)
    assert not found.members["shop-2"].readable


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"conn_url": "postgres://[bad"}'])
def test_a_broken_member_is_none(text: str) -> None:
    assert cluster({"members/shop-2": text}, ME).members == {}


def test_a_leader_that_is_no_member_is_none() -> None:
    assert cluster({"leader": "shop-9"}, ME).leader is None
    assert cluster({"leader": "shop-2", "members/shop-2": member()}, ME).leader == "shop-2"


def test_the_leaders_position() -> None:
    assert cluster({"status": '{"optime": 117440512}'}, ME).written == 117440512
    assert cluster({"status": '{"optime": "much"}'}, ME).written == 0


def test_patroni_told_to_leave_postgresql_alone() -> None:
    assert cluster({"config": '{"pause": true}'}, ME).unmanaged
    assert not cluster({"config": '{"ttl": 30}'}, ME).unmanaged


def test_an_order() -> None:
    text = '{"operation": "op-1", "leader": "shop-2", "at": "now"}'
    assert cluster({"pooler/pause": text}, ME).order == Order("op-1", "shop-2")


@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"operation": "op-1"}', '{"operation": 1, "leader": "shop-2"}']
)
def test_an_order_that_does_not_name_its_leader_is_none(text: str) -> None:
    assert cluster({"pooler/pause": text}, ME).order is None


def test_reports_come_back_as_they_were_told() -> None:
    report = Report(Phase.PAUSING, "op-1", blockers=2, target="shop-2")
    assert cluster({f"pooler/nodes/{ME}": report_text(report)}, ME).report == report
    assert cluster({"pooler/nodes/shop-2": report_text(report)}, ME).report is None


def test_what_is_acted_on_at_once() -> None:
    assert matters("leader")
    assert matters("pooler/pause")
    assert not matters("status")


def test_a_member_in_use_is_remembered_while_nobody_leads() -> None:
    """Its key hangs on the same lease as the leader's, and goes with it."""
    before = cluster(
        {"leader": "shop-2", "members/shop-2": member(), "members/shop-1": member()}, ME
    )
    known = before.members
    gone = cluster({"members/shop-1": member(conn_url="postgres://10.0.0.1/postgres")}, ME)
    assert set(remembering(gone, known, {"10.0.0.2"}).members) == {"shop-1", "shop-2"}
    assert remembering(gone, known, {"10.0.0.9"}) == gone
    led = cluster(
        {"leader": "shop-1", "members/shop-1": member(conn_url="postgres://10.0.0.1/postgres")}, ME
    )
    assert remembering(led, known, {"10.0.0.2"}) == led
    assert remembering(cluster({}, ME), known, {"10.0.0.2"}).members == {}
