"""The tables at the edges know every error."""

from __future__ import annotations

from holdfast.api.problems import STATUS
from holdfast.cli import exit_codes
from holdfast.core import errors
from holdfast.core.errors import Error

CODES = {
    thing.code
    for thing in vars(errors).values()
    if isinstance(thing, type) and issubclass(thing, Error)
}


def test_every_error_has_an_http_status() -> None:
    assert set(STATUS) == CODES


def test_exit_codes_are_those_of_the_contract() -> None:
    assert {code: exit_codes.of_error(code) for code in sorted(CODES)} == {
        "bug": 1,
        "cancelled": 1,
        "conflict": 4,
        "failed": 1,
        "forbidden": 6,
        "invalid": 2,
        "not-found": 7,
        "refused": 3,
        "stale-plan": 4,
        "timed-out": 5,
        "transient": 1,
    }
    assert exit_codes.HAS_CHANGES == 10
