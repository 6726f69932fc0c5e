"""A renewal that goes wrong stops nobody, and is tried again less and less often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.app.renewal import attempt, not_before, reread
from holdfast.core.errors import Error, Transient
from holdfast.store.attempts import Tried

AT = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tried(hours: float, state: str) -> Tried:
    return Tried("orders", "renew", {}, state, "", AT + hours * HOUR)


@pytest.mark.parametrize("what", [Transient("the control database is away"), KeyError("x")])
async def test_one_that_fails_ends_nothing(what: Exception) -> None:
    async def renewal() -> None:
        raise what

    await attempt(renewal)


def test_each_reader_reads_whatever_befalls_the_others() -> None:
    read: list[str] = []

    def fails(error: Exception) -> None:
        raise error

    reread(
        {
            "one": lambda: fails(OSError("half a pair")),
            "two": lambda: fails(Error("not now")),
            "three": lambda: read.append("three"),
        }
    )
    assert read == ["three"]


def test_what_was_never_tried_or_succeeded_last_does_not_wait() -> None:
    assert not_before([]) < AT
    assert not_before([tried(0, "failed"), tried(1, "succeeded")]) < AT


def test_failures_are_waited_out_longer_and_longer_a_day_at_most() -> None:
    failures = [tried(hour, "failed") for hour in range(8)]
    waits = [
        not_before([tried(-1, "succeeded"), *failures[:many]]) - failures[many - 1].at
        for many in range(1, 9)
    ]
    assert waits == sorted(waits)
    assert waits[0] <= HOUR < waits[-1] == 24 * HOUR
    # Rows of a database come in no order.
    assert not_before(reversed(failures)) == not_before(failures)
