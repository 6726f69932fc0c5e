"""Clusters to render and plan, built from documents as users write them."""

from __future__ import annotations

from pathlib import PurePosixPath

from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import Cluster, Installation, nodes
from holdfast.spec import builtin
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.resolve import Surroundings, resolve

SITE = Site(PurePosixPath("/srv/holdfast"), "0123abcd", "127.77.13", "holdfast")
INSTALLATION = Installation(
    bindir="/usr/lib/postgresql/15/bin",
    python="/usr/bin/python3",
    packages="/srv/holdfast/runtime/abc",
    own_packages="/srv/holdfast/runtime/def",
    pgbouncer="/usr/sbin/pgbouncer",
    pgbackrest="/usr/bin/pgbackrest",
)

ORDERS = """\
apiVersion: holdfast/v1
kind: Database
name: orders
owner: checkout
environment: production
tier: {tier}
size: {size}
classification: confidential
{more}
"""


def cluster(
    *, tier: str = "tier-0", size: str = "xs", version: int = 15, more: str = ""
) -> Cluster:
    """The cluster of the orders document; `more` is added to it as it is."""
    text = ORDERS.format(tier=tier, size=size, more=more)
    known = Surroundings(builtin.tiers(), builtin.sizes(), installed=(version,))
    resolution = resolve(load([Source("orders.yaml", text)]), known)
    assert resolution.ok, resolution.findings
    resolved = resolution.databases[0]
    addresses = {ordinal: SITE.address(10 + ordinal) for ordinal in range(1, resolved.nodes + 1)}
    return Cluster(resolved, SITE, nodes(SITE, "orders", addresses), INSTALLATION)
