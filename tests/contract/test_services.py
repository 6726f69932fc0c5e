"""What every `Services` does alike: supervisord, and its twin."""

from __future__ import annotations

import asyncio
import time

import pytest

from holdfast.core.errors import NotFound
from holdfast.system.host import Program, Services, ServiceStatus

SLEEPER = Program("sleeper", ("/bin/sleep", "600"), stop_wait_s=5)


async def running(services: Services, name: str, within_s: float = 10.0) -> ServiceStatus:
    """The status once the program runs (a real one counts as starting for a second)."""
    deadline = time.monotonic() + within_s
    while True:
        status = (await services.status())[name]
        if status.state == "running":
            return status
        assert time.monotonic() < deadline, status
        await asyncio.sleep(0.05)


async def test_new_program_starts_and_stays_when_ensured_again(services: Services) -> None:
    assert await services.ensure(SLEEPER) is True
    status = await running(services, "sleeper")
    assert status.pid is not None
    assert await services.ensure(SLEEPER) is False
    assert (await running(services, "sleeper")).pid == status.pid


async def test_changed_program_is_restarted(services: Services) -> None:
    await services.ensure(SLEEPER)
    before = (await running(services, "sleeper")).pid
    assert await services.ensure(Program("sleeper", ("/bin/sleep", "700"), stop_wait_s=5)) is True
    assert (await running(services, "sleeper")).pid != before


async def test_stop_is_kept_by_ensure_and_ended_by_start(services: Services) -> None:
    await services.ensure(SLEEPER)
    await running(services, "sleeper")
    await services.stop("sleeper")
    await services.stop("sleeper")
    assert (await services.status())["sleeper"].state == "stopped"
    assert await services.ensure(SLEEPER) is False
    assert (await services.status())["sleeper"] == ServiceStatus("sleeper", "stopped")
    await services.start("sleeper")
    await services.start("sleeper")
    assert (await running(services, "sleeper")).pid is not None


async def test_restart_gives_a_new_process(services: Services) -> None:
    await services.ensure(SLEEPER)
    before = (await running(services, "sleeper")).pid
    await services.restart("sleeper")
    assert (await running(services, "sleeper")).pid != before


async def test_program_without_autostart_waits(services: Services) -> None:
    await services.ensure(Program("later", ("/bin/sleep", "600"), autostart=False))
    assert (await services.status())["later"].state == "stopped"
    await services.start("later")
    await running(services, "later")


async def test_removed_program_is_forgotten(services: Services) -> None:
    await services.ensure(SLEEPER)
    await services.remove("sleeper")
    await services.remove("sleeper")
    assert await services.status() == {}


async def test_unknown_program_cannot_be_started(services: Services) -> None:
    with pytest.raises(NotFound, match="no program ghost is defined"):
        await services.start("ghost")
