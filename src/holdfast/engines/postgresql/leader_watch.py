"""When the leader's key is released, taken, and its holder writable: the moments of a failover."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from holdfast.core.errors import Error
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.recovery.phases import Moment

_POLL_S = 0.02
_GIVES_UP_AFTER_S = 120.0
_AGAIN_S = 0.5


class LeaderWatch:
    """The moments so far, in the order in which they were seen."""

    def __init__(self, cluster: Cluster, doors: Doors) -> None:
        self._cluster, self._doors = cluster, doors
        self._key = f"{etcd_prefix(cluster.name)}leader"
        self._holder = ""
        self._asking: set[asyncio.Task[None]] = set()
        self.moments: list[Moment] = []

    async def run(self) -> None:
        """Watch without end."""
        while True:
            with contextlib.suppress(Error):
                async for event in self._doors.etcd.watch_prefix(self._key):
                    if event.key == self._key and event.kind != "reset":
                        self._learn(event.value if event.kind == "put" else "")
            await self._doors.clock.sleep(_AGAIN_S)

    def _learn(self, holder: str) -> None:
        """The key changes at every renewal; only another holder is news."""
        before, self._holder = self._holder, holder
        if holder == before:
            return
        now = self._doors.clock.monotonic()
        if before and not holder:
            self.moments.append(Moment("released", now, before))
        elif holder and (before or self.moments):
            self.moments.append(Moment("taken", now, holder))
            node = by_name(self._cluster, holder)
            if node is not None:
                task = asyncio.create_task(self._until_writable(node))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _until_writable(self, node: Node) -> None:
        end = self._doors.clock.monotonic() + _GIVES_UP_AFTER_S
        while self._doors.clock.monotonic() < end and self._holder == node.name:
            if await self._takes_writes(node):
                self.moments.append(Moment("writable", self._doors.clock.monotonic(), node.name))
                return
            await self._doors.clock.sleep(_POLL_S)

    async def _takes_writes(self, node: Node) -> bool:
        """One connection is asked until it breaks: to open one costs more than the answer."""
        with contextlib.suppress(Error, psycopg.Error):
            async with self._doors.connect(node) as connection:
                while self._holder == node.name:
                    cursor = await connection.execute("select pg_catalog.pg_is_in_recovery()")
                    row = await cursor.fetchone()
                    if row and not row[0]:
                        return True
                    await self._doors.clock.sleep(_POLL_S)
        return False

    def end(self) -> None:
        """Ask nobody any more."""
        for task in self._asking:
            task.cancel()


@asynccontextmanager
async def watching(cluster: Cluster, doors: Doors) -> AsyncIterator[LeaderWatch]:
    """A watch that goes on while the body runs."""
    watch = LeaderWatch(cluster, doors)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        watch.end()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
