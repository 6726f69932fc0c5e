"""What a plan says of a new database besides its changes."""

from __future__ import annotations

from holdfast.app.plans import drilled
from holdfast.core.finding import Severity
from tests.unit.spec.site import ORDERS, resolved


def test_who_makes_a_database_hears_that_its_primary_will_be_killed():
    (found,) = drilled(resolved(ORDERS))
    assert found.severity is Severity.NOTICE
    assert found.message == (
        "once in 7 d, daily 02:00-05:00 UTC, its primary is killed to prove the failover of tier-0"
    )


def test_nothing_is_said_where_nothing_will_be_killed():
    assert not list(drilled(resolved(ORDERS + "schedule: {drills: false}\n")))
    assert not list(drilled(resolved(ORDERS.replace("tier-0", "tier-3"))))
