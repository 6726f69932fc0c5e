"""Looking: from etcd, the members and the poolers to one `View`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

from holdfast.node.check import Line
from holdfast.node.config import NodeConfig, PoolerFiles
from holdfast.node.console import Console
from holdfast.node.decide import pointed_at
from holdfast.node.keys import cluster, remembering
from holdfast.node.view import Check, Cluster, Entry, Health, Member, Pooler, Side, View
from holdfast.node.wire import Address, Row, ServerError

_BUSY_STATES = ("active", "tested")
"""What a PAUSE waits for."""


class Observer:
    """Remembers what it saw, and looks again at what may have changed.

    `values` are the cluster's keys by name below the prefix, `trusted` whether etcd answers;
    the agent keeps both up to date.
    """

    def __init__(
        self, config: NodeConfig, tls: Callable[[], ssl.SSLContext], on_lost: Callable[[], None]
    ) -> None:
        self._config, self._tls, self._on_lost = config, tls, on_lost
        self._lines: dict[str, Line] = {}
        self._poolers: dict[Side, Pooler | None] = {Side.RW: None, Side.RO: None}
        self.consoles = {
            Side.RW: Console(config.socket_folder, config.rw.port),
            Side.RO: Console(config.socket_folder, config.ro.port),
        }
        self._known: dict[str, Member] = {}
        self.values: dict[str, str] = {}
        self.trusted = False

    async def look(self, sides: Iterable[Side], *, everything: bool, now: float) -> View:
        """The view, with fresh news of the poolers in `sides`.

        With `everything`, each member that matters is asked again; otherwise only those of
        which there is no good last answer.
        """
        found = self._remembering(cluster(self.values, self._config.node))
        for side in sides:
            self._poolers[side] = await self._pooler(side, now)
        view = self._view(found, {})
        checks = await self._checks(view, everything)
        return self._view(found, checks)

    def _remembering(self, found: Cluster) -> Cluster:
        """With the member that the read-write pooler uses, should its key be gone."""
        self._known = {**self._known, **found.members}
        pooler, config = self._poolers[Side.RW], self._config
        hosts = {entry.host for entry in pooler.entries.values()} if pooler else set()
        own = {config.address} if config.socket_folder in hosts else set()
        return remembering(found, self._known, hosts | own)

    def _view(self, found: Cluster, checks: dict[str, Check]) -> View:
        config = self._config
        return View(
            me=config.node,
            socket_folder=config.socket_folder,
            port=config.postgresql_port,
            databases=config.databases,
            lag_bound_bytes=config.lag_bound_bytes,
            cluster=found,
            trusted=self.trusted,
            checks=checks,
            rw=self._poolers[Side.RW],
            ro=self._poolers[Side.RO],
        )

    async def _checks(self, view: View, everything: bool) -> dict[str, Check]:
        """Answers of the members that the decision needs, in as few questions as it can be."""
        members = view.cluster.members
        leader = view.cluster.leader
        if not view.trusted or (leader is None and view.cluster.unmanaged):
            first = list(members)
        else:
            # Without one, who is in use counts: it may go on, cut off from etcd.
            found = leader or pointed_at(view, view.rw)
            first = [found] if found else []
        checks = await self._ask(view, first, everything=everything, leads=True)
        if _waits(view) and not everything:
            # Clients wait for the leader: nothing else may delay it.
            known = {name: line.last for name, line in self._lines.items()}
            return {name: last for name, last in known.items() if last} | checks
        rest = [name for name in (view.me, *self._read_targets(view)) if name not in checks]
        checks |= await self._ask(view, rest, everything=everything)
        if not any(checks[name].health is Health.REPLICA for name in rest if name in checks):
            others = [name for name in members if name not in checks]
            checks |= await self._ask(view, others, everything=everything)
        self._hang_up(view, checks)
        return checks

    def _read_targets(self, view: View) -> list[str]:
        hosts = {entry.host for entry in view.ro.entries.values()} if view.ro else set()
        return [name for name in view.cluster.members if view.host(name) in hosts]

    async def _ask(
        self, view: View, names: Iterable[str], *, everything: bool, leads: bool = False
    ) -> dict[str, Check]:
        asked = [name for name in dict.fromkeys(names) if name in view.cluster.members]
        answers = await asyncio.gather(
            *(self._check(view, name, everything, leads) for name in asked)
        )
        return dict(zip(asked, answers, strict=True))

    async def _check(self, view: View, name: str, everything: bool, leads: bool) -> Check:
        line = self._line(view, name)
        last = line.last
        if last is not None and not everything and (not leads or last.health is Health.PRIMARY):
            return last
        answer = await line.check()
        if answer.health is Health.PRIMARY and last is not None and last.health is Health.REPLICA:
            # That it takes writes is only believed when it lets somebody in. A line from its
            # time as a replica does not prove that; but it is the cheapest way to wait.
            answer = await line.check(fresh=True)
        return answer

    def _line(self, view: View, name: str) -> Line:
        if name not in self._lines:
            member, config = view.cluster.members[name], self._config
            if name == config.node:
                path = f"{config.socket_folder}/.s.PGSQL.{config.postgresql_port}"
                address = Address(path=path)
            else:
                address = Address(host=member.address, port=member.port, tls=self._tls())
            self._lines[name] = Line(
                address, config.check_user, config.check_database, self._on_lost
            )
        return self._lines[name]

    def _hang_up(self, view: View, checks: dict[str, Check]) -> None:
        """Keep lines only to members that something depends on."""
        wanted = {view.me, view.cluster.leader, *self._read_targets(view)}
        for name in [name for name in self._lines if name not in wanted]:
            self._lines.pop(name).close()

    async def _pooler(self, side: Side, now: float) -> Pooler | None:
        console = self.consoles[side]
        files = self.files(side)
        try:
            entries = await console.entries()
            servers = await console.servers()
        except (OSError, TimeoutError, ServerError):
            return None
        mine = [row for row in servers if row["database"] in entries]
        elsewhere = tuple(sorted({row["addr"] or "" for row in mine if _astray(row, entries)}))
        before = self._poolers[side]
        since = before.elsewhere_since if before and before.elsewhere else now
        return Pooler(
            file=_text(files.databases_file),
            entries=entries,
            busy=sum(row["state"] in _BUSY_STATES for row in mine),
            elsewhere=elsewhere,
            elsewhere_since=since,
        )

    def files(self, side: Side) -> PoolerFiles:
        """Where a pooler's files are."""
        return self._config.rw if side is Side.RW else self._config.ro

    def own_health(self) -> Health | None:
        """What the own server said last, None where its connection is gone."""
        line = self._lines.get(self._config.node)
        return line.last.health if line is not None and line.last is not None else None

    def unmanaged(self) -> bool:
        """Whether Patroni is told to leave PostgreSQL alone."""
        return cluster(self.values, self._config.node).unmanaged

    def close(self) -> None:
        """Hang up everywhere."""
        for line in self._lines.values():
            line.close()
        for console in self.consoles.values():
            console.close()


def _waits(view: View) -> bool:
    return view.rw is not None and any(entry.paused for entry in view.rw.entries.values())


def _astray(row: Row, entries: dict[str, Entry]) -> bool:
    """True for a server connection that leads somewhere else than its database does now."""
    host = entries[row["database"] or ""].host
    return row["addr"] != ("unix" if host.startswith("/") else host)


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return None
