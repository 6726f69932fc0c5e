"""The include file of a pooler."""

from __future__ import annotations

from holdfast.node.databases import databases_text


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(";")]


def test_each_database_under_its_own_name() -> None:
    assert lines(databases_text(("shop", "stock-2"), "10.0.0.2", 5432)) == [
        "[databases]",
        "shop = host='10.0.0.2' port=5432 dbname=shop",
        "stock-2 = host='10.0.0.2' port=5432 dbname=stock-2",
    ]


def test_a_folder_with_a_quote_and_a_space() -> None:
    assert "host='/my ''run'''" in databases_text(("shop",), "/my 'run'", 5432)
