from __future__ import annotations

import pytest

from holdfast.spec.names import identifier_fault, name_fault
from holdfast.spec.scalar import plain_value
from holdfast.spec.suggest import listing, nearest, show
from holdfast.spec.values import Schedule, Window, cron_fault


def test_window() -> None:
    window = Window.parse("sun 02:00-04:30")
    assert (window.day, window.start_minute, window.end_minute) == ("sun", 120, 270)
    assert str(window) == "sun 02:00-04:30"
    with pytest.raises(ValueError, match="empty"):
        Window.parse("daily 02:00-02:00")


def test_schedule() -> None:
    assert (Schedule("6h").every_s, Schedule("6h").cron) == (21600, None)
    assert (Schedule("0 1 * * 0").every_s, Schedule("0 1 * * 0").cron) == (None, "0 1 * * 0")


@pytest.mark.parametrize("text", ["* * * * *", "*/5 0-23/2 1,15 1-12 0-7", "0 1 * * 1-6"])
def test_cron(text: str) -> None:
    assert cron_fault(text) == ""


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "\u0661 * * * *"]
)
def test_no_cron(text: str) -> None:
    assert cron_fault(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("no", "no"),
        ("1", 1), ("-1", -1), ("010", 10), ("0o17", 15), ("0x1F", 31), ("1_000", "1_000"),
        ("1.5", 1.5), ("1e3", 1000.0), ("1e999", "1e999"), (".nan", ".nan"), ("12:30", "12:30"),
        ("9" * 30, "9" * 30), ("2026-01-01", "2026-01-01"), ("1.2.3", "1.2.3"), (".", "."),
    ],
)  # fmt: skip
def test_unquoted_words(text: str, value: object) -> None:
    found = plain_value(text)
    assert found == value
    assert type(found) is type(value)


def test_suggestions() -> None:
    assert nearest("onwer", ["owner", "size"]) == "owner"
    assert nearest("tier-9", ["tier-0", "tier-1"]) is None
    assert nearest("zzz", ["owner"]) is None
    assert nearest("x", []) is None
    assert listing([]) == "-"
    assert listing(["a", "b", "c"]) == "a, b and c"


def test_values_are_shown_escaped_and_short() -> None:
    assert show("caf\u00e9\x1b") == "'caf\\xe9\\x1b'"
    assert len(show("x" * 1000)) < 70


def test_names() -> None:
    assert name_fault("orders_2") == ""
    assert "pg_" in name_fault("pg_x")
    assert identifier_fault("control") == ""
    assert identifier_fault("public")
    assert identifier_fault("holdfast_drill") == name_fault("holdfast_drill")
    assert "the platform" in identifier_fault("holdfast_drill")
    assert identifier_fault("a-b")
