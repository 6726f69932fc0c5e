from __future__ import annotations

from datetime import date

import pytest

from holdfast.spec.model import ResolvedDatabase
from tests.unit.spec.site import ORDERS, TIER, only, orders, read, resolved


def test_version_named_running_or_newest() -> None:
    assert resolved(orders(version="15")).version == 15
    assert resolved(ORDERS).version == 16
    assert resolved(ORDERS, running={"orders": 15}).version == 15
    assert resolved(orders(version="16"), running={"orders": 15}).version == 16


def test_no_postgresql_at_all() -> None:
    found = only(ORDERS, installed=())
    assert found.id == "spec.version-not-installed"
    assert "no installed PostgreSQL" in found.message


def test_nodes_and_connections_of_the_tier_and_size_or_the_document() -> None:
    database = resolved(orders(tier="tier-1", nodes="2", connections="80"))
    assert (database.nodes, database.max_connections) == (2, 80)
    database = resolved(ORDERS)
    assert (database.nodes, database.max_connections) == (3, 50)


def test_what_a_tier_lets_a_database_set() -> None:
    allowed = orders(parameters="{work_mem: 8MB, autovacuum_naptime: 10s}")
    assert resolved(allowed).spec.parameters == {"autovacuum_naptime": "10s", "work_mem": "8MB"}
    bare = "---\n".join(
        [TIER.split("overrides:")[0], orders(tier="gold", maintenanceWindow="sun 01:00-02:00")]
    )
    found = only(bare)
    assert found.id == "spec.override-not-allowed"
    assert "it has none" in found.hint


def test_a_tier_among_the_documents_counts_before_the_sites() -> None:
    text = TIER.replace("name: gold", "name: tier-0").replace("default: 3", "default: 2")
    resolution = read(f"{ORDERS}---\n{text}")
    assert resolution.findings == ()
    assert resolution.databases[0].nodes == 2
    assert [tier.name for tier in resolution.tiers] == ["tier-0"]


def test_a_broken_tier_is_reported_once() -> None:
    broken = TIER.replace("rto: 45s", "rto: soon")
    found = only(f"{broken}---\n{orders(tier='gold')}")
    assert found.subject == "tier gold"


@pytest.mark.parametrize(
    ("environment", "tier", "rule"),
    [
        ("production", "tier-1", "spec.expiry-not-allowed"),
        ("production", "tier-3", None),
        ("development", "tier-1", None),
        ("test", "tier-3", None),
    ],
)
def test_who_may_expire(environment: str, tier: str, rule: str | None) -> None:
    text = orders(environment=environment, tier=tier, expires="2027-01-01")
    assert [each.id for each in read(text).findings] == ([rule] if rule else [])


def test_the_last_day_is_not_yet_past() -> None:
    text = orders(environment="test", expires="2027-01-01")
    assert read(text, today=date(2027, 1, 1)).ok
    found = only(text, today=date(2027, 1, 2))
    assert found.id == "spec.expired"


def test_round_trip() -> None:
    database = resolved(ORDERS)
    assert ResolvedDatabase.from_json(database.to_json()) == database
