"""The control plane of a site, put together and run. `holdfast serve` finds it by its name."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path

from holdfast.api import logs
from holdfast.api.serve import Listener, exit_at_once
from holdfast.api.serve import serve as answer
from holdfast.app import evidence_heads, renewal, scheduler, site, watch
from holdfast.app.wiring import control, real_platform
from holdfast.core.layout import API_PORT
from holdfast.providers.settings import Settings
from holdfast.workflows.registry import workflows

_log = logging.getLogger(__name__)

_LOOK_AFTER_S = 5.0


def run(found: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT. Raises `NotFound` when the home has no site."""
    asyncio.run(_serve(found))


async def _serve(found: Settings) -> None:
    logs.install()
    platform = await real_platform(found)
    plane = control(found, platform, workflows(), on_lost=exit_at_once)
    certificate, key = platform.doors.api_certificate
    listener = Listener(platform.site.api_address, API_PORT, certificate, key)
    guardian = asyncio.create_task(_look_after_supervisor(found))
    readers = {
        "the API": listener.reread,
        "Patroni's client": platform.patroni.reread,
        "etcd's client": platform.etcd.reread,
    }
    heads = evidence_heads.keeper(platform.doors, platform.store, platform.clock)
    try:
        await answer(
            plane,
            listener,
            token=lambda: _token(Path(platform.site.token_file)),
            background=[
                heads.run,
                lambda: scheduler.run(plane),
                lambda: watch.watch(plane),
                lambda: renewal.run(plane, platform.doors, readers),
            ],
        )
    finally:
        guardian.cancel()
        await platform.patroni.close()
        await platform.etcd.close()


def _token(file: Path) -> str:
    """The token now. Without one nobody is let in: what is made up here, nobody knows."""
    try:
        return file.read_text("ascii").strip()
    except OSError:
        return secrets.token_hex()


async def _look_after_supervisor(found: Settings) -> None:
    """The supervisor restarts us when we die, and we it."""
    while True:
        await asyncio.sleep(_LOOK_AFTER_S)
        try:
            if await site.keep_supervisor(found):
                _log.warning("the supervisor was dead; it was started again")
        except Exception:  # noqa: BLE001 - the API matters more than its guardian
            _log.exception("could not look after the supervisor")
