"""Waiting for a condition, by a clock that somebody sets meanwhile."""

from __future__ import annotations

from typing import cast

import pytest

from holdfast.core.errors import TimedOut
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.system.clock import ManualClock


def _doors(clock: ManualClock) -> Doors:
    """Doors of which a wait only needs the clock."""
    return Doors(*(cast(Doors, None) for _ in range(6)), clock, print)  # type: ignore[arg-type]


@pytest.mark.parametrize("jump_s", [-86400.0, 0.0, 86400.0])
async def test_a_deadline_is_kept_when_the_clock_is_set(jump_s: float) -> None:
    clock = ManualClock()
    looks = 0

    async def outstanding() -> str:
        nonlocal looks
        looks += 1
        clock.jump(jump_s)
        return "nobody leads"

    with pytest.raises(TimedOut, match="a leader did not come within 5 s: nobody leads"):
        await until(outstanding, _doors(clock), deadline_s=5, what="a leader", every_s=1.0)
    assert looks == 6


async def test_what_comes_is_seen_at_once() -> None:
    clock = ManualClock()
    answers = ["not yet", "not yet", ""]

    async def outstanding() -> str:
        return answers.pop(0)

    await until(outstanding, _doors(clock), deadline_s=60, what="it", every_s=1.0)
    assert clock.monotonic() == 2.0
