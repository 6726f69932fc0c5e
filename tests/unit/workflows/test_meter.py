"""How far a long step is, in words."""

from __future__ import annotations

from holdfast.system.clock import ManualClock
from holdfast.workflows.meter import Meter, watched


async def test_bytes_and_the_time_that_is_left():
    clock, said = ManualClock(), []
    meter = Meter(lambda done, total, text: said.append((done, total, text)), clock, "restored")
    meter.at(0, 4 * 2**20)
    await clock.sleep(10)
    meter.at(2**20, 4 * 2**20)
    meter.at(5 * 2**20, 4 * 2**20)
    meter.at(1, 0)
    assert said == [
        (0, 4 * 2**20, "of 4.0 MiB restored"),
        (2**20, 4 * 2**20, "of 4.0 MiB restored, 30.0 s left"),
        (4 * 2**20, 4 * 2**20, "of 4.0 MiB restored, 0 ms left"),
    ]


async def test_the_work_s_result_comes_through():
    async def work() -> str:
        return "done"

    async def look() -> tuple[float, float]:
        return 1, 2

    assert await watched(work(), look, Meter(print, ManualClock(), "read")) == "done"
