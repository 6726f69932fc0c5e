"""A leader that the document does not name any more."""

from __future__ import annotations

from holdfast.engines.postgresql.leadership import leaving_node
from tests.unit.engines.postgresql.clusters import SITE, cluster

MEMBER = '{"api_url": "https://127.77.13.19:8008/patroni"}'


def test_a_leaving_node_is_known_from_what_patroni_wrote() -> None:
    node = leaving_node(cluster(), "orders-9", MEMBER)
    assert node is not None
    assert (node.ordinal, node.address) == (9, "127.77.13.19")
    assert node.paths == SITE.node("orders", 9)


def test_what_is_not_ours_or_has_no_address_is_no_node() -> None:
    assert leaving_node(cluster(), "orders-x", MEMBER) is None
    assert leaving_node(cluster(), "invoices-9", MEMBER) is None
    assert leaving_node(cluster(), "orders-9", None) is None
    assert leaving_node(cluster(), "orders-9", "{}") is None
