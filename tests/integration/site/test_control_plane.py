"""The whole platform with its control plane, and deaths of both watchers."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from holdfast.app.site import Part, down, status, up
from holdfast.providers.settings import Settings
from tests.integration.site.conftest import alive, end_all

pytestmark = pytest.mark.timeout(240)


async def parts(settings: Settings) -> dict[str, Part]:
    return {part.name: part for part in await status(settings)}


async def until_healthy(settings: Settings, within_s: float = 60.0) -> dict[str, Part]:
    """The parts once all of them are well."""
    deadline = time.monotonic() + within_s
    while True:
        found = await parts(settings)
        if all(part.healthy for part in found.values()):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


async def test_control_plane_and_supervisor_watch_each_other(home: Settings) -> None:
    await up(home)
    before = await until_healthy(home)

    control = before["control-plane"].pid
    assert control is not None
    os.kill(control, signal.SIGKILL)
    await asyncio.sleep(0.5)
    again = await until_healthy(home)
    assert again["control-plane"].pid != control

    supervisor = again["supervisor"].pid
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    await asyncio.sleep(0.5)
    healed = await until_healthy(home)
    # Adopted, not started a second time.
    assert healed["control-plane"].pid == again["control-plane"].pid
    assert healed["etcd-1"].pid == again["etcd-1"].pid

    end_all(home)
    await up(home)
    await until_healthy(home)
    assert await down(home) == []
    assert alive(home) == []
