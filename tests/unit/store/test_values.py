"""What of the store needs no server."""

from __future__ import annotations

import pytest

from holdfast.store.connection import sqlalchemy_url
from holdfast.store.operations import new_id


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@/control?host=/run/x",
        "postgres://me:p%40ss@db.example:5433/control?sslmode=verify-full",
    ],
)
def test_a_libpq_uri_becomes_a_url_for_psycopg(url: str) -> None:
    found = sqlalchemy_url(url)
    assert found.drivername == "postgresql+psycopg"
    assert found.database == "control"


def test_ids_can_be_read_aloud() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 12 and one.startswith("op-") for one in ids)
    assert not set("".join(one[3:] for one in ids)) & set("01ilou")
