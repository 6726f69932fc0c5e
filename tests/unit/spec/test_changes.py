from __future__ import annotations

from dataclasses import replace

from holdfast.core.finding import Location
from holdfast.spec.changes import kept, refusals
from tests.unit.spec.site import ORDERS, orders, resolved

OLD = resolved(orders(version="15"))


def test_no_change_and_possible_changes() -> None:
    assert refusals(OLD, OLD) == []
    other = orders(version="15", tier="tier-1", nodes="2", size="s", owner="else")
    assert refusals(OLD, resolved(other)) == []


def test_version_up_and_down() -> None:
    (found,) = refusals(OLD, resolved(ORDERS))
    assert found.id == "spec.cannot-change-version"
    assert "cannot go up from 15 to 16" in found.message
    (found,) = refusals(resolved(ORDERS), OLD)
    assert "cannot go down from 16 to 15" in found.message
    assert found.evidence == {"before": 16, "after": 15}


def test_engine_and_name() -> None:
    new = replace(
        OLD,
        spec=replace(OLD.spec, name="sales", engine="mariadb"),
    )
    place = Location("a.yaml", 3)
    found = refusals(OLD, new, place)
    assert [each.id for each in found] == [
        "spec.cannot-change-name",
        "spec.cannot-change-engine",
    ]
    assert all(each.hint and each.location == place for each in found)


def test_what_leaves_the_document_stays_and_is_told() -> None:
    before = resolved(
        orders(
            databases="[{name: one, schemas: [a, b]}, {name: two}]", extensions="[pg_trgm, citext]"
        )
    )
    after = resolved(orders(databases="[{name: one, schemas: [b]}]", extensions="[citext]"))
    found = kept(before, after, Location("a.yaml", 3))
    assert [each.id for each in found] == ["spec.schema-kept", "spec.extension-kept"]
    assert [each.evidence for each in found] == [
        {"database": "one", "schema": "a"},
        {"database": "one", "extension": "pg_trgm"},
    ]
    assert kept(after, before) == kept(before, before) == []
