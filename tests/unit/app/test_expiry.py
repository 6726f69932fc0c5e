from __future__ import annotations

from datetime import date

import pytest

from holdfast.app.expiry import fate
from holdfast.spec.model import Classification, DatabaseSpec, DeletionPolicy, Environment

TODAY = date(2026, 11, 20)


def spec(expires: date | None, policy: str = "delete", environment: str = "test") -> DatabaseSpec:
    return DatabaseSpec(
        "copy", "team", Environment(environment), "tier-3", "xs", Classification.INTERNAL,
        deletion_policy=DeletionPolicy(policy), expires=expires,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (spec(None), "stays"),
        (spec(TODAY), "stays"),
        (spec(date(2026, 11, 21)), "stays"),
        (spec(date(2026, 11, 19)), "goes"),
        (spec(date(2026, 11, 19), policy="retain"), "is told of"),
        (spec(date(2026, 11, 19), environment="production"), "is told of"),
    ],
)
def test_a_database_goes_after_its_last_day_and_only_where_its_document_says_so(
    document: DatabaseSpec, expected: str
):
    assert fate(document, TODAY) == expected
