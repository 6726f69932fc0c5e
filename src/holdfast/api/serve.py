"""The control-plane process: migrate, wait for the lock, answer until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from holdfast.api import logs
from holdfast.api.application import application
from holdfast.app.wiring import Control
from holdfast.core.errors import Transient
from holdfast.store.schema import migrate
from holdfast.system import tls

_log = logging.getLogger(__name__)

_DATABASE_WAIT_S = 120.0
_LOST_LOCK_EXIT = 3


@dataclass(slots=True)
class Listener:
    """Where the API listens, and with what it proves who it is."""

    address: str
    port: int
    certificate: Path
    key: Path
    context: ssl.SSLContext | None = None

    def reread(self) -> None:
        """Show the certificate that is in its file now, on every new connection."""
        if self.context is not None:
            tls.reread(self.context, self.certificate, self.key)


class _Server(uvicorn.Server):
    """A server for which a signal to stop is no reason to end with an error."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; the original raises the signal again afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def exit_at_once() -> None:
    """What to do when another process runs our operations: be gone before the next step."""
    os._exit(_LOST_LOCK_EXIT)


async def serve(
    control: Control,
    listener: Listener,
    *,
    token: Callable[[], str],
    background: Sequence[Callable[[], Awaitable[None]]] = (),
) -> None:
    """Answer requests until SIGTERM or SIGINT; what is under way then is resumed by the next one.

    Where another process is at work already, this one waits for its end before it listens, and
    a signal ends the wait at once. `background` runs beside, in the process that is at work and in
    no other. Raises `Transient` when the control database stays away.
    """
    logs.install()
    await _migrated(control.platform.store.url)
    await control.runtime.start()
    tasks = [asyncio.ensure_future(work()) for work in background]
    try:
        await _answer(control, listener, token)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await control.runtime.stop()
        await control.platform.store.close()


async def _answer(control: Control, listener: Listener, token: Callable[[], str]) -> None:
    config = uvicorn.Config(
        application(control, token=token),
        host=listener.address,
        port=listener.port,
        ssl_certfile=listener.certificate,
        ssl_keyfile=listener.key,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    config.load()
    listener.context = config.ssl
    server = _Server(config)
    await server.serve()
    if not server.started:
        raise SystemExit(1)


async def _migrated(url: str) -> None:
    """Bring the schema up to date, once the database answers."""
    deadline = asyncio.get_running_loop().time() + _DATABASE_WAIT_S
    while True:
        try:
            await migrate(url)
        except Transient as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            _log.warning("waiting for the control database: %s", error.message)
            await asyncio.sleep(0.5)
        else:
            return
