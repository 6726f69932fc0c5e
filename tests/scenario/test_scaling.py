"""More nodes and fewer, while an application writes through URIs that it was given long ago."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.scenario.site import RealSite, Writer, until

NAME = "shop"


@pytest.fixture(scope="module")
def document(site: RealSite) -> Iterator[Path]:
    """A database of one node, with a table to write to."""
    path = site.document(NAME, nodes=1)
    site.apply(path)
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    yield path
    site.run("delete", NAME, "--purge", "--yes")


@pytest.fixture(scope="module")
def handed_out(site: RealSite, document: Path) -> dict[str, str]:
    """URIs from the time of one node."""
    return {"pooled": site.dsn(NAME, "--pooled"), "direct": site.dsn(NAME)}


def rows_seen(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        (row,) = connection.execute("select count(*) from written").fetchall()
        return int(row[0])


def slots(site: RealSite, address: str) -> set[str]:
    found = site.sql(address, "select slot_name from pg_replication_slots")
    return {name for (name,) in found}


def test_from_one_node_to_three(site: RealSite, document: Path, handed_out: dict[str, str]) -> None:
    with Writer(handed_out["pooled"]) as writer:
        site.apply(site.document(NAME, nodes=3))
    assert writer.failures == []
    nodes = site.describe(NAME)["nodes"]
    assert sorted(node["state"] for node in nodes) == ["running", "streaming", "streaming"]
    assert site.plan(document).exit_code == 0
    for node in nodes:
        until(
            lambda node=node: (
                site.sql(node["address"], "select count(*) from written", NAME)[0][0]
                == rows_seen(handed_out["direct"])
            ),
            deadline_s=20,
            what=f"every row on {node['name']}",
        )


def test_from_three_to_two_while_the_third_leads(
    site: RealSite, document: Path, handed_out: dict[str, str]
) -> None:
    of_three = (site.dsn(NAME, "--pooled"), site.dsn(NAME))
    leaving = site.describe(NAME)["nodes"][2]
    site.run("switchover", NAME, "--to", leaving["name"])
    assert site.leader(NAME)["name"] == leaving["name"]
    assert site.plan(document).exit_code == 0

    smaller = site.document(NAME, nodes=2)
    planned = site.plan(smaller)
    assert f"{leaving['name']} leads and has to leave" in planned.out
    # Nobody had heard of the third when these were given out.
    assert rows_seen(handed_out["direct"]) == rows_seen(handed_out["pooled"])
    with Writer(handed_out["pooled"]) as writer:
        site.apply(smaller)
    assert writer.failures == []
    told = site.describe(NAME)
    assert [node["name"] for node in told["nodes"]] == [f"{NAME}-1", f"{NAME}-2"]
    assert told["leader"] != leaving["name"]
    assert site.plan(smaller).exit_code == 0

    if told["leader"] == f"{NAME}-1":
        site.run("switchover", NAME, "--to", f"{NAME}-2")
    written = {rows_seen(dsn) for dsn in (*of_three, *handed_out.values())}
    assert len(written) == 1
    assert written.pop() >= writer.done


def test_nothing_is_left_of_the_third(site: RealSite, document: Path) -> None:
    gone = f"{NAME}-3"
    addresses = {node["address"] for node in site.describe(NAME)["nodes"]}
    kept = site.control_rows(f"select ordinal, address from node where database = '{NAME}'")
    # The tier allows five: whoever was told of the others before finds them when they come back.
    assert sorted(ordinal for ordinal, _ in kept) == [1, 2, 3, 4, 5]
    assert {address for ordinal, address in kept if ordinal <= 2} == addresses
    assert not Path(site.layout.node(NAME, 3).root).exists()
    assert not [name for name in site.services(lambda each: each.status()) if gone in name]
    assert not [each for each in site.processes() if gone in each.command]
    keys = site.etcd(lambda etcd: etcd.get_prefix(f"/holdfast/{NAME}/"))
    assert not [key for key in keys if key.endswith(gone)]
    for address in addresses:
        assert f"{NAME}_3" not in slots(site, address)
    configuration = site.patroni(NAME, lambda each: each.config(min(addresses)))
    assert configuration["member_slots_ttl"] == "30min"


def test_its_address_is_kept_for_it(site: RealSite, document: Path) -> None:
    ((address,),) = site.control_rows(
        f"select address from node where database = '{NAME}' and ordinal = 3"
    )
    with socket.socket() as probe:
        assert probe.connect_ex((address, 5432)) != 0
    certificates = site.changes(site.document("other"))["node/1/certificates"]
    assert address not in str(certificates["after"])
