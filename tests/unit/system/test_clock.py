from datetime import UTC, datetime, timedelta

from holdfast.system.clock import ManualClock, SystemClock

START = datetime(2026, 3, 1, tzinfo=UTC)


async def test_manual_clock_moves_by_sleeping_only() -> None:
    clock = ManualClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    await clock.sleep(90)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=90), 90.0)


def test_a_jump_does_not_touch_durations() -> None:
    clock = ManualClock(START)
    clock.jump(-3600)
    assert (clock.now(), clock.monotonic()) == (START - timedelta(hours=1), 0.0)


async def test_system_clock_is_aware_and_goes_forward() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01
    assert clock.now().tzinfo is UTC
