"""Whom a switchover cannot go to, said before anything is touched."""

from __future__ import annotations

import pytest

from holdfast.core.errors import Conflict, NotFound
from holdfast.engines.postgresql.perform.switchover import refuse_needless
from tests.unit.engines.postgresql.clusters import cluster


def test_a_node_that_leads_already_is_told_so() -> None:
    three = cluster()
    with pytest.raises(Conflict, match="orders-1 leads orders already") as caught:
        refuse_needless(three, three.nodes[0], "orders-1")
    assert caught.value.hint == "choose one of orders-2, orders-3, or leave --to away"


@pytest.mark.parametrize("candidate", [None, "orders-1"])
def test_a_single_node_has_nobody_to_hand_over_to(candidate: str | None) -> None:
    one = cluster(tier="tier-3")
    with pytest.raises(Conflict, match="orders-1 is the only node of orders") as caught:
        refuse_needless(one, one.nodes[0], candidate)
    assert "nodes: 2" in caught.value.hint


def test_a_node_that_is_not_there_is_not_found() -> None:
    three = cluster()
    with pytest.raises(NotFound, match="orders has no node 'orders-9'"):
        refuse_needless(three, three.nodes[0], "orders-9")


def test_everybody_else_may_be_asked() -> None:
    three = cluster()
    for candidate in (None, "orders-2", "orders-3"):
        refuse_needless(three, three.nodes[0], candidate)
