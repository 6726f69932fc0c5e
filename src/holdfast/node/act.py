"""Doing what was decided. Every command may be done twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from holdfast.core.errors import Error
from holdfast.node.config import NodeConfig
from holdfast.node.keys import report_text
from holdfast.node.observe import Observer
from holdfast.node.sever import sever
from holdfast.node.view import Command, Cut, Hold, Point, Release, Side, Tell

_log = logging.getLogger("holdfast.node")


class Actor:
    """Performs commands on the poolers that the observer watches; `put` writes a key to etcd."""

    def __init__(
        self,
        config: NodeConfig,
        observer: Observer,
        put: Callable[[str, str], Awaitable[object]],
    ) -> None:
        self._config, self._observer, self._put = config, observer, put
        self._report_name = config.report_key.removeprefix(config.prefix)
        self._in_turn = asyncio.Lock()
        self._telling: set[asyncio.Task[None]] = set()

    async def perform(self, command: Command) -> bool:
        """Do it and say so in one line; False when it did not work."""
        try:
            await self._do(command)
        except (OSError, TimeoutError, Error) as error:
            _log.warning("%s failed: %s", describe(command), str(error) or type(error).__name__)
            return False
        _log.info("%s: %s", describe(command), command.reason)
        return True

    async def _do(self, command: Command) -> None:
        match command:
            case Point(side=side, file=text):
                write(self._observer.files(side).databases_file, text)
                await self._observer.consoles[side].reload()
            case Hold(side=side, databases=names):
                await self._observer.consoles[side].pause(names)
            case Release(side=side, databases=names):
                await self._observer.consoles[side].resume(names)
            case Cut(side=side, hosts=hosts):
                await self._cut(side, hosts)
            case Tell(report=report):
                self._observer.values[self._report_name] = report_text(report)
                task = asyncio.create_task(self._tell(report_text(report)))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    async def _tell(self, text: str) -> None:
        """Publish, beside everything else: clients must never wait for etcd."""
        async with self._in_turn:
            try:
                await self._put(self._config.report_key, text)
            except Error as error:
                _log.warning("telling failed: %s", error.message)
                self._observer.values.pop(self._report_name, None)

    async def _cut(self, side: Side, hosts: tuple[str, ...]) -> None:
        console = self._observer.consoles[side]
        local = f"{self._config.socket_folder}/.s.PGSQL.{self._config.postgresql_port}"

        def wanted(peer: object) -> bool:
            if isinstance(peer, tuple):
                return peer[0] in hosts
            return "unix" in hosts and peer == local

        try:
            severed = sever(await console.pid(), wanted)
        except OSError as error:
            _log.warning("cannot cut single connections, so all clients are cut: %s", error)
            await console.kill(self._config.databases)
            await console.resume(self._config.databases)
        else:
            _log.info("%s connections cut", severed)


def write(path: str, text: str) -> None:
    """Replace a file in one step, for its owner alone.

    Not forced to the disk: after a crash of the machine the agent writes it anew.
    """
    draft = Path(f"{path}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def describe(command: Command) -> str:
    """A command in few words, without the contents of files."""
    match command:
        case Point(side=side, member=member):
            return f"point {side} at {member}"
        case Hold(side=side):
            return f"hold {side}"
        case Release(side=side):
            return f"release {side}"
        case Cut(side=side):
            return f"cut {side}"
        case Tell(report=report):
            more = f", {report.blockers} transactions to go" if report.blockers else ""
            return f"tell {report.state}{more}"
