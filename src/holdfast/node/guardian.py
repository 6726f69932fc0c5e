"""The loop beside the steering: look at the own server and Patroni, ask the guard, act.

It acts on the own node alone, and only on processes of the own user. What it does is logged as a
warning: each of it is somebody's incident.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import ssl
import time

from holdfast.core.errors import Error
from holdfast.node import machine
from holdfast.node.config import NodeConfig
from holdfast.node.guard import (
    PROBE_EVERY_S,
    STARVED_S,
    Act,
    Count,
    EndPatroni,
    EndServer,
    GiveBack,
    Process,
    Sight,
    guard,
)
from holdfast.node.keys import LEADER, successor
from holdfast.node.observe import Observer
from holdfast.node.probe import PatroniProbe, ServerProbe
from holdfast.node.view import Health
from holdfast.system.etcd import EtcdClient
from holdfast.system.tls import client_context

_log = logging.getLogger("holdfast.node")

_TICK_S = 1.0
_CRASH_POLL_S = 0.05
_CRASH_POLLS = 100
"""Backends need a moment to see that their postmaster has gone."""


class Guardian:
    """Guards one node; `observer` knows the cluster's keys and what the own server said last."""

    def __init__(self, config: NodeConfig, observer: Observer, etcd: EtcdClient) -> None:
        self._config, self._observer, self._etcd = config, observer, etcd
        self._server_probe = ServerProbe(config, self._tls)
        self._patroni_probe = PatroniProbe(config, self._tls)
        self._patroni_process = machine.Listener(config.address, config.patroni_port)
        self._server, self._patroni = Count(), Count()
        self._ousted_since: float | None = None

    def _tls(self) -> ssl.SSLContext:
        return client_context(self._config.identity)

    async def run(self) -> None:
        """Guard without end; nothing to do where the configuration names no data folder."""
        if not self._config.data_folder:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._notice_crashes())
            tasks.create_task(self._probe())

    # -- a server that has ended ---------------------------------------------------------------

    async def _notice_crashes(self) -> None:
        while True:
            found = machine.server(self._config.data_folder)
            if found.pid is not None:
                await machine.ends(found.pid)
            if machine.written_pid(self._config.data_folder) is not None:
                await self._until_settled()
            await asyncio.sleep(_TICK_S)

    async def _until_settled(self) -> None:
        """Look often until the crash is dealt with, or turns out to be none."""
        for _ in range(_CRASH_POLLS):
            if self._idle():
                return
            crashed = await asyncio.to_thread(machine.crashed, self._config.data_folder)
            act = guard(self._sight(crashed=crashed))
            if isinstance(act, GiveBack):
                await self._do(act)
                return
            if machine.server(self._config.data_folder).pid is not None:
                return
            await asyncio.sleep(_CRASH_POLL_S)

    # -- those that hang -----------------------------------------------------------------------

    async def _probe(self) -> None:
        next_s = 0.0
        while True:
            begun = time.monotonic()
            await asyncio.sleep(_TICK_S)
            starved = time.monotonic() - begun > _TICK_S + STARVED_S
            if self._idle():
                self._server, self._patroni = Count(), Count()
                self._note_ousted()
                if self._ousted_since is None:
                    continue
            server, patroni = self._processes()
            suspicious = server.stopped or patroni.stopped
            if suspicious or self._server.misses or self._patroni.misses or begun >= next_s:
                next_s = time.monotonic() + PROBE_EVERY_S
                await self._count(server, patroni, starved)
                server, patroni = self._processes()
            act = guard(self._sight(server=server, patroni=patroni))
            if act is not None and not isinstance(act, GiveBack):
                await self._do(act)

    def _idle(self) -> bool:
        return self._leader() != self._config.node

    def _note_ousted(self) -> None:
        """Since when somebody else has led while the own server said that it takes writes."""
        takes_writes = self._observer.own_health() is Health.PRIMARY
        if self._leader() is None or not takes_writes:
            self._ousted_since = None
        elif self._ousted_since is None:
            self._ousted_since = time.monotonic()

    def _processes(self) -> tuple[Process, Process]:
        return machine.server(self._config.data_folder), self._patroni_process.process()

    async def _count(self, server: Process, patroni: Process, starved: bool) -> None:
        begun = time.monotonic()
        server_hung, patroni_hung = await asyncio.gather(
            self._server_probe.hangs(doubtful=self._server.misses > 0 or server.stopped),
            self._patroni_probe.hangs(),
        )
        if server_hung or patroni_hung:
            _log.warning(
                "no answer within %.1f s from %s",
                time.monotonic() - begun,
                " and ".join(
                    name
                    for name, hung in (("the server", server_hung), ("Patroni", patroni_hung))
                    if hung
                ),
            )
        self._server = self._server.after(server.pid, hung=server_hung, starved=starved)
        self._patroni = self._patroni.after(patroni.pid, hung=patroni_hung, starved=starved)

    # -- deciding and doing --------------------------------------------------------------------

    def _leader(self) -> str | None:
        return self._observer.values.get(LEADER)

    def _sight(
        self,
        *,
        server: Process | None = None,
        patroni: Process | None = None,
        crashed: bool = False,
    ) -> Sight:
        config, values = self._config, self._observer.values
        since = self._ousted_since
        return Sight(
            me=config.node,
            leader=self._leader(),
            trusted=self._observer.trusted,
            unmanaged=self._observer.unmanaged(),
            server=server or Process(),
            crashed=crashed,
            patroni=patroni or Process(),
            server_misses=self._server.misses,
            patroni_misses=self._patroni.misses,
            successor=successor(values, config.node),
            gives_back=config.gives_back,
            ousted_s=0.0 if since is None else time.monotonic() - since,
        )

    async def _do(self, act: Act) -> None:
        match act:
            case GiveBack(reason=reason):
                await self._give_back(reason)
            case EndServer(pid=pid, reason=reason):
                _log.warning("ending the server (%s): %s", pid, reason)
                self._server, self._ousted_since = Count(), None
                _kill(pid)
            case EndPatroni(pid=pid, reason=reason):
                _log.warning("ending Patroni (%s): %s", pid, reason)
                self._patroni = Count()
                _kill(pid)

    async def _give_back(self, reason: str) -> None:
        """Remove the key as it is read now, and only if it still names this node."""
        key = f"{self._config.prefix}{LEADER}"
        try:
            found = await self._etcd.get(key)
            if found is None or found.value != self._config.node:
                return
            if await self._etcd.compare_and_delete(key, mod_revision=found.mod_revision):
                _log.warning("gave the leader's key back: %s", reason)
        except Error as error:
            _log.warning("the leader's key could not be given back: %s", error.message)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
