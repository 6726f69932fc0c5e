"""A site and documents to hold against it, for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holdfast.core.finding import Finding
from holdfast.spec import builtin
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.model import ResolvedDatabase
from holdfast.spec.resolve import Resolution, Surroundings, resolve

SITE = Surroundings(tiers=builtin.tiers(), sizes=builtin.sizes(), installed=(15, 16))

ORDERS = """\
apiVersion: holdfast/v1
kind: Database
name: orders
owner: checkout
environment: production
tier: tier-0
size: xs
classification: confidential
"""
TIER = builtin.tier_texts()["tier-1.yaml"].replace("name: tier-1", "name: gold")


def read(text: str | bytes, **site: Any) -> Resolution:
    return resolve(load([Source("orders.yaml", text)]), replace(SITE, **site))


def findings(text: str | bytes, **site: Any) -> tuple[Finding, ...]:
    return read(text, **site).findings


def only(text: str | bytes, **site: Any) -> Finding:
    found = findings(text, **site)
    assert len(found) == 1, found
    return found[0]


def with_fields(text: str, fields: Mapping[str, str]) -> str:
    """The document with top-level lines replaced or added."""
    lines = [
        line for line in text.splitlines() if line.split(":")[0] not in fields or ":" not in line
    ]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in fields.items()), ""])


def orders(**fields: str) -> str:
    return with_fields(ORDERS, fields)


def resolved(text: str, **site: Any) -> ResolvedDatabase:
    resolution = read(text, **site)
    assert resolution.ok, resolution.findings
    return resolution.databases[0]
