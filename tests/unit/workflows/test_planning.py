"""What a plan says besides its changes."""

from __future__ import annotations

import pytest

from holdfast.engines.postgresql.observe import Observed
from holdfast.engines.postgresql.plan import plan
from holdfast.engines.postgresql.render import desired
from holdfast.workflows.planning import FAILED, READY, Planned, gone
from tests.unit.engines.postgresql.clusters import cluster

CLUSTER = cluster()
DOCUMENT = CLUSTER.resolved.to_json()
WANTED = desired(CLUSTER)


def planned(*missing: str) -> Planned:
    """The plan for a cluster of which some resources are not there."""
    there = {id: each for id, each in WANTED.items() if id not in missing}
    return Planned(CLUSTER, plan("orders", WANTED, there), Observed(there))


@pytest.mark.parametrize(
    ("missing", "phase"),
    [
        (("database/orders",), READY),
        (("database/orders",), FAILED),
        (("database/orders", "backup"), READY),
    ],
)
def test_a_dropped_database_is_told_of_before_it_is_made_empty(
    missing: tuple[str, ...], phase: str
) -> None:
    (warning,) = gone(planned(*missing), DOCUMENT, phase)
    assert warning.id == "plan.database-gone"
    assert "'orders' is gone with its data" in warning.message
    assert "EMPTY" in warning.message


def test_what_was_never_there_is_not_gone() -> None:
    assert not list(gone(planned("database/orders"), None, None))
    assert not list(gone(planned("database/orders", "backup"), DOCUMENT, FAILED))
    assert not list(gone(planned("leader"), DOCUMENT, READY))
