"""Fewer nodes while one of those that leave leads: it hands over to one that stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.scenario.site import RealSite, Writer, until

NAME = "fewer"


@pytest.fixture(params=["quick", "tier-1"])
def four(site: RealSite, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of four nodes, with a table to write to; the name of its tier."""
    site.apply(site.document(NAME, nodes=4, tier=request.param))
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    yield request.param
    site.run("delete", NAME, "--purge", "--yes")


def synchronous(site: RealSite) -> str:
    key = site.etcd(lambda etcd: etcd.get(f"/holdfast/{NAME}/sync"))
    return key.value if key else ""


def make_leaving_ones_lead(site: RealSite) -> None:
    """Have the fourth node lead and, in a tier with such, the third be synchronous."""
    if not synchronous(site):
        site.run("switchover", NAME, "--to", f"{NAME}-4")
        return
    for name in (f"{NAME}-3", f"{NAME}-4"):
        # Patroni hands over to a synchronous one only, so all others stand back meanwhile.
        _only_synchronous(site, name)
        site.run("switchover", NAME, "--to", name)
    _only_synchronous(site, f"{NAME}-3")


def _only_synchronous(site: RealSite, name: str) -> None:
    """Stop the other replicas' Patronis until this one is the synchronous replica."""
    leader = site.leader(NAME)["name"]
    others = [f"{NAME}-{each}" for each in range(1, 5) if f"{NAME}-{each}" not in (name, leader)]
    for other in others:
        site.services(lambda each, other=other: each.stop(f"{other}-patroni"))
    until(lambda: f'"sync_standby":"{name}"' in synchronous(site), what=f"{name} synchronous")
    for other in others:
        site.services(lambda each, other=other: each.start(f"{other}-patroni"))

    def all_stream() -> bool:
        nodes = site.describe(NAME)["nodes"]
        return all(node["state"] in ("running", "streaming") for node in nodes)

    until(all_stream, what="all nodes in service")


def of_the_first(site: RealSite) -> str:
    """A URI of the first node's pooler, which stays: the others' clients have to connect anew."""
    address = next(n["address"] for n in site.describe(NAME)["nodes"] if n["name"] == f"{NAME}-1")
    return make_conninfo(site.dsn(NAME, "--pooled"), host=address, port=6432)


def test_a_node_that_stays_takes_over(site: RealSite, four: str) -> None:
    make_leaving_ones_lead(site)
    assert site.leader(NAME)["name"] == f"{NAME}-4"
    smaller: Path = site.document(NAME, nodes=2, tier=four)
    with Writer(of_the_first(site)) as writer:
        ran = site.apply(smaller)
    assert writer.failures == [], ran
    assert f"{NAME}-4 hands over to {NAME}-" in ran.err, ran
    assert " or " not in ran.err.split("hands over to")[1].splitlines()[0], "one of them is named"
    told = site.describe(NAME)
    assert [node["name"] for node in told["nodes"]] == [f"{NAME}-1", f"{NAME}-2"]
    assert told["leader"] in (f"{NAME}-1", f"{NAME}-2")
    assert site.plan(smaller).exit_code == 0
