"""The loop: look, decide, act; at once when something happens, slowly when nothing does.

One task follows the watch of the cluster's keys, one reads all keys at every tick (a watch can be
stuck, and nothing else tells that etcd is gone), one steers; steering never waits for etcd. The
guardian looks after the node's own server and Patroni beside them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from pathlib import Path

from holdfast.core.errors import Error
from holdfast.node.act import Actor, write
from holdfast.node.config import NodeConfig
from holdfast.node.databases import databases_text
from holdfast.node.decide import TICK_S, decide, pace_s
from holdfast.node.guardian import Guardian
from holdfast.node.keys import matters
from holdfast.node.observe import Observer
from holdfast.node.view import Command, Side, Tell, View
from holdfast.node.wire import ServerError
from holdfast.system.etcd import Credentials, EtcdClient, Event
from holdfast.system.tls import client_context

_log = logging.getLogger("holdfast.node")

_RETRY_S = 1.0
_QUARREL_S = 0.25
_ROUNDS = 4
"""Rounds of commands without a pause in between; more would be a quarrel with somebody."""


class Agent:
    """One node's agent. `run` goes on until it is cancelled."""

    def __init__(self, config: NodeConfig, etcd: EtcdClient) -> None:
        self._config, self._etcd = config, etcd
        self._observer = Observer(config, lambda: client_context(config.identity), self._alarm)
        self._actor = Actor(config, self._observer, etcd.put)
        self._guardian = Guardian(config, self._observer, etcd)
        self._woken = asyncio.Event()
        self._alarmed = asyncio.Event()
        self._revision = 0
        self._held_since: float | None = None

    async def run(self) -> None:
        """Steer the poolers, and guard the node."""
        self._write_missing_files()
        await self._load_configurations()
        await self._read_keys()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_keys())
            tasks.create_task(self._keep_reading_keys())
            tasks.create_task(self._steer())
            tasks.create_task(self._guardian.run())

    async def _watch_keys(self) -> None:
        while True:
            try:
                async for event in self._etcd.watch_prefix(self._config.prefix):
                    self._learn(event)
            except Error as error:
                _log.warning("watching etcd failed: %s", error.message)
            await asyncio.sleep(_RETRY_S)

    def _learn(self, event: Event) -> None:
        if event.kind == "reset" or event.mod_revision < self._revision:
            # What is gone since then shows when all keys are read.
            return
        self._revision = event.mod_revision
        values = dict(self._observer.values)
        key = event.key.removeprefix(self._config.prefix)
        if event.kind == "delete":
            values.pop(key, None)
        else:
            values[key] = event.value
        self._replace(values)

    async def _keep_reading_keys(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self._read_keys()

    async def _read_keys(self) -> None:
        try:
            found, revision = await self._etcd.snapshot(self._config.prefix)
        except Error as error:
            self._trust(False, f"etcd does not answer, so targets stay: {error.message}")
            return
        self._trust(True, "etcd answers")
        if revision >= self._revision:
            self._revision = revision
            start = len(self._config.prefix)
            self._replace({key[start:]: value.value for key, value in found.items()})

    def _trust(self, trusted: bool, message: str) -> None:
        if self._observer.trusted != trusted:
            self._observer.trusted = trusted
            _log.info("%s", message)
            self._alarm()

    def _replace(self, values: dict[str, str]) -> None:
        before, self._observer.values = self._observer.values, values
        changed = [
            key
            for key in before.keys() | values.keys()
            if matters(key) and before.get(key) != values.get(key)
        ]
        for key in changed:
            _log.info("%s is now %s", key, values.get(key, "gone"))
        if changed:
            self._alarm()

    async def _steer(self) -> None:
        next_tick, rounds = 0.0, 0
        sides = set(Side)
        while True:
            everything = time.monotonic() >= next_tick
            if everything:
                sides = set(Side)
            view = await self._look(sides, everything)
            if view is None:
                continue
            if everything:
                next_tick = time.monotonic() + TICK_S
            commands = decide(view, time.monotonic())
            worked = [await self._actor.perform(command) for command in commands]
            sides = _touched(commands)
            rounds = rounds + 1 if commands else 0
            if not (commands and all(worked) and rounds < _ROUNDS):
                sides |= _unsettled(view)
                pause_s = max(self._pace_s(view), _QUARREL_S if rounds else 0.0)
                await self._wait(min(pause_s, next_tick - time.monotonic()))

    async def _look(self, sides: set[Side], everything: bool) -> View | None:
        """A view; None when an alarm made it old before it was complete."""
        self._alarmed.clear()
        look = asyncio.create_task(
            self._observer.look(sides, everything=everything, now=time.monotonic())
        )
        alarm = asyncio.create_task(self._alarmed.wait())
        try:
            await asyncio.wait({look, alarm}, return_when=asyncio.FIRST_COMPLETED)
            return look.result() if look.done() else None
        finally:
            for task in (look, alarm):
                task.cancel()
            await asyncio.wait({look, alarm})

    def _pace_s(self, view: View) -> float:
        now = time.monotonic()
        if not _holds(view):
            self._held_since = None
        elif self._held_since is None:
            self._held_since = now
        return pace_s(view, now - (self._held_since or now))

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), max(0.0, seconds))
        self._woken.clear()

    def _alarm(self) -> None:
        self._woken.set()
        self._alarmed.set()

    def _write_missing_files(self) -> None:
        """A pooler cannot start without its include file; its own node is as good as any."""
        config = self._config
        text = databases_text(config.databases, config.socket_folder, config.postgresql_port)
        for files in (config.rw, config.ro):
            if not Path(files.databases_file).exists():
                write(files.databases_file, text)

    async def _load_configurations(self) -> None:
        """The agent starts anew when a certificate changes; the poolers have to read it too."""
        for side, console in self._observer.consoles.items():
            try:
                await console.reload()
            except (OSError, TimeoutError, ServerError) as error:
                _log.info("pooler %s does not answer yet: %s", side, error)


def _touched(commands: list[Command]) -> set[Side]:
    return {command.side for command in commands if not isinstance(command, Tell)}


def _holds(view: View) -> bool:
    return view.rw is not None and any(entry.paused for entry in view.rw.entries.values())


def _unsettled(view: View) -> set[Side]:
    """Poolers to be looked at every time, not only at every tick."""
    sides = set()
    if view.rw is None or view.rw.elsewhere or (view.rw.busy and _holds(view)):
        sides.add(Side.RW)
    if view.ro is None or view.ro.elsewhere:
        sides.add(Side.RO)
    return sides


def run(path: str) -> None:
    """Run the agent of the configuration at `path`; only a signal ends it."""
    config = NodeConfig.from_json(Path(path).read_text())
    password = Path(config.etcd.password_file).read_text().strip()
    asyncio.run(_run(config, password, (path, *config.files)))


async def _run(config: NodeConfig, password: str, files: tuple[str, ...]) -> None:
    etcd = EtcdClient(
        config.etcd.endpoints,
        config.etcd.identity,
        credentials=Credentials(config.etcd.user, password),
    )
    async with etcd, asyncio.TaskGroup() as tasks:
        tasks.create_task(Agent(config, etcd).run())
        tasks.create_task(_start_anew_when_changed(files))


async def _start_anew_when_changed(files: tuple[str, ...]) -> None:
    """Replace this process by a new one, with the same id, once a file it has read changes."""
    before = _stamps(files)
    while True:
        await asyncio.sleep(TICK_S)
        now = _stamps(files)
        if now != before and None not in now:
            changed = [file for file, a, b in zip(files, before, now, strict=True) if a != b]
            _log.info("starting anew: %s changed", ", ".join(dict.fromkeys(changed)))
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _stamps(files: tuple[str, ...]) -> list[tuple[int, int] | None]:
    stamps: list[tuple[int, int] | None] = []
    for file in files:
        try:
            status = Path(file).stat()
            stamps.append((status.st_mtime_ns, status.st_ino))
        except OSError:
            stamps.append(None)
    return stamps
