"""Hypothesis strategies: valid documents, and texts that are nearly YAML."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from holdfast.spec import builtin
from holdfast.spec.model import SUPPORTED_VERSIONS, Classification, Environment
from holdfast.spec.names import identifier_fault, name_fault
from tests.unit.spec.site import ORDERS, TIER

names = st.from_regex(r"[a-z][a-z0-9_]{0,38}", fullmatch=True).filter(lambda n: not name_fault(n))
identifiers = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True).filter(
    lambda n: not identifier_fault(n)
)
prose = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=60)
extensions = st.lists(
    st.fixed_dictionaries(
        {"name": st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)},
        optional={"schema": identifiers, "version": st.sampled_from(["1.6", "2", "3.4-dev"])},
    ),
    max_size=3,
    unique_by=lambda each: each["name"],
)
parameters = st.dictionaries(
    st.sampled_from(["work_mem", "jit", "random_page_cost", "statement_timeout"]),
    st.one_of(st.booleans(), st.integers(0, 10**6), st.floats(0, 100), st.just("64MB")),
)


def databases() -> st.SearchStrategy[dict[str, Any]]:
    """Valid `Database` documents."""
    return st.fixed_dictionaries(
        {
            "apiVersion": st.just("holdfast/v1"),
            "kind": st.just("Database"),
            "name": names,
            "owner": st.just("checkout"),
            "environment": st.sampled_from([str(each) for each in Environment]),
            "tier": st.sampled_from(list(builtin.tiers())),
            "size": st.sampled_from(list(builtin.sizes())),
            "classification": st.sampled_from([str(each) for each in Classification]),
        },
        optional={
            "description": prose,
            "version": st.sampled_from(SUPPORTED_VERSIONS),
            "nodes": st.integers(1, 50),
            "databases": st.lists(
                st.fixed_dictionaries(
                    {"name": identifiers},
                    optional={
                        "schemas": st.lists(identifiers, max_size=3, unique=True),
                        "extensions": extensions,
                    },
                ),
                min_size=1,
                max_size=3,
                unique_by=lambda each: each["name"],
            ),
            "extensions": extensions,
            "parameters": parameters,
            "connections": st.integers(10, 10_000),
            "deletionPolicy": st.sampled_from(["retain", "delete"]),
            "expires": st.dates().map(lambda day: day.isoformat()),
            "maintenanceWindow": st.sampled_from(["sun 02:00-04:00", "daily 23:30-00:30"]),
            "schedule": st.dictionaries(
                st.sampled_from(["backups", "restoreTests", "drills"]), st.booleans()
            ),
            "labels": st.dictionaries(st.sampled_from(["a", "b-c", "d.e/f"]), prose),
            "verify": st.lists(
                st.fixed_dictionaries(
                    {"sql": st.just("SELECT 1"), "expect": prose},
                    optional={"name": st.just("one")},
                ),
                max_size=2,
            ),
        },
    )


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A good file with some pieces cut out, doubled, or replaced by what YAML finds special."""
    text = draw(st.sampled_from([ORDERS, TIER, f"{TIER}---\n{ORDERS}"]))
    special = st.sampled_from(
        [
            *"\t\n\r:-?[]{}#&*!|>'\"%@`,\\~=<\0\u2028\ufeff",
            "---\n",
            "...\n",
            "<<: ",
            "&a ",
            "*a ",
            "!!x ",
        ]
    )
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        new = draw(st.one_of(special, st.text(max_size=6), st.just(text[start:end] * 2)))
        text = text[:start] + new + text[end:]
    return text
