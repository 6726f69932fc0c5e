"""A site to do harm to, and a client that keeps account of its writes.

One site serves all modules about faults of a run, with the tier-0 database `orders` in it. A
module that leaves it broken costs the next one a new site, not its result.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from holdfast.system.supervisor import Supervisor
from tests.conftest import demand
from tests.scenario.site import RealSite, until

TIER_0 = {
    "environment": "production",
    "tier": "tier-0",
    "classification": "confidential",
    "deletionPolicy": "retain",
}
"""What makes the document of a database that loses no acknowledged write, on three nodes."""


class FaultySite(RealSite):
    """A site with hands for doing harm, and eyes for seeing that it heals."""

    @classmethod
    def like(cls, site: RealSite) -> Self:
        """The same site, for doing harm to it; whoever made it ends it."""
        return cls(site.home, site.folder, site.environment)

    # -- what there is -------------------------------------------------------------------------

    def parts(self) -> dict[str, dict[str, Any]]:
        """Everything that `status` shows, by name."""
        return {part["name"]: part for part in self.json("status", exit_code=None)}

    def pids(self) -> dict[str, int | None]:
        """The pid of every supervised program, asked of the supervisor itself; and its own."""

        async def asked(services: Supervisor) -> dict[str, int | None]:
            found = {name: one.pid for name, one in (await services.status()).items()}
            return found | {"supervisor": await self.doors.daemon.pid()}

        return self.services(asked)

    def pid(self, part: str) -> int:
        """The pid of a part; waits until it has one."""
        return int(until(lambda: self.pids().get(part), every_s=0.1, what=f"a pid of {part}") or 0)

    def postmaster(self, node: str) -> int:
        """The pid of a node's PostgreSQL."""
        database, _, ordinal = node.rpartition("-")
        file = Path(self.layout.node(database, int(ordinal)).data) / "postmaster.pid"
        return int(until(lambda: _first_line(file), what=f"a postmaster of {node}"))

    def nodes(self, name: str) -> dict[str, dict[str, Any]]:
        """Nodes by name, as `describe` tells of them."""
        return {node["name"]: node for node in self.describe(name)["nodes"]}

    def leading(self, name: str) -> str:
        """The name of the node that leads; waits while nobody does."""

        def found() -> str | None:
            nodes = self.nodes(name).values()
            return next((node["name"] for node in nodes if node["role"] == "leader"), None)

        return str(until(found, what=f"a leader of {name}"))

    def following(self, name: str) -> str:
        """The name of a node that does not lead."""
        leader = self.leading(name)
        return next(node for node in self.nodes(name) if node != leader)

    def operations(self) -> list[dict[str, Any]]:
        """All operations, newest first."""
        found: list[dict[str, Any]] = self.json("op", "list", "--limit", "1000")
        return found

    # -- harm ----------------------------------------------------------------------------------

    def kill(self, part: str) -> int:
        """`kill -9` of one part; gives the pid that it had."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self) -> None:
        """What a power cut does to processes."""
        end = time.monotonic() + 20
        while found := self.processes():
            for one in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            assert time.monotonic() < end, found

    # -- health --------------------------------------------------------------------------------

    def answers(self) -> bool:
        """Whether the API does."""
        return self.run("op", "list", exit_code=None).exit_code == 0

    def is_well(self) -> bool:
        """Whether `status` finds nothing wrong."""
        return self.run("status", exit_code=None).exit_code == 0

    def is_declared(self, *names: str) -> bool:
        """Whether a plan of these documents, as they were written last, is empty."""
        paths = [self.folder / f"{name}.yaml" for name in names]
        return self.run("plan", *paths, "--detailed-exitcode", exit_code=None).exit_code == 0

    def heals(self, *names: str, within_s: float = 90) -> float:
        """Wait until all is well and as declared; gives the seconds that it took."""
        begun = time.monotonic()
        seen: list[object] = []

        def healed() -> bool:
            status = self.run("status", exit_code=None)
            seen[:] = [status]
            if status.exit_code != 0:
                return False
            paths = [self.folder / f"{name}.yaml" for name in names]
            plan = self.run("plan", *paths, "--detailed-exitcode", exit_code=None)
            seen.append(plan)
            return plan.exit_code == 0

        try:
            until(healed, deadline_s=within_s, every_s=0.3, what="a site that is well")
        except AssertionError as error:
            raise AssertionError("\n".join(map(str, [error, *seen]))) from None
        return time.monotonic() - begun


def _first_line(file: Path) -> str:
    try:
        return file.read_text().splitlines()[0]
    except (OSError, IndexError):
        return ""


_shared: list[FaultySite] = []


@pytest.fixture(scope="module")
def faulty(shared_site_ends: None) -> FaultySite:
    """The shared site, up, with `orders` as its document says."""
    demand("postgres", "initdb", "etcd", "pgbackrest", "pgbouncer")
    if _shared:
        site = _shared[0]
        site.document("orders", **TIER_0)
        if not (site.is_well() and site.is_declared("orders")):
            end_shared()
    if not _shared:
        site = FaultySite.new()
        _shared.append(site)
        site.run("up")
        site.apply(site.document("orders", **TIER_0))
    return _shared[0]


def end_shared() -> None:
    """Stop the shared site and remove it."""
    while _shared:
        _shared.pop().close()


class Ledger:
    """A client that writes without end and keeps account of what was acknowledged.

    A write whose connection broke is unknown and does not count. `lost` reads everything back.
    """

    def __init__(self, site: RealSite, name: str, *options: str) -> None:
        self.acknowledged: set[int] = set()
        self.failures: list[str] = []
        self._dsn = site.dsn(name, *options)
        self._owner = site.dsn(name, "--role", "migrator")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        with psycopg.connect(self._owner, autocommit=True) as connection:
            connection.execute("create table if not exists ledger (id bigint primary key)")
            row = connection.execute("select coalesce(max(id), 0) from ledger").fetchone()
            assert row is not None
            self._first = int(row[0]) + 1_000_000
        self._thread.start()
        self.proceeds()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()

    def proceeds(self, *, within_s: float = 60) -> float:
        """Wait for the next acknowledged write; gives the seconds that it took."""
        before, begun = len(self.acknowledged), time.monotonic()
        try:
            until(lambda: len(self.acknowledged) > before, deadline_s=within_s, every_s=0.02)
        except AssertionError:
            said = f"no write in {within_s:g} s; {self.failures[-1:]}"
            raise AssertionError(said) from None
        return time.monotonic() - begun

    def lost(self) -> set[int]:
        """Acknowledged writes that cannot be read back."""
        acknowledged = set(self.acknowledged)  # before looking: it goes on growing
        with psycopg.connect(self._owner) as connection:
            rows = connection.execute("select id from ledger where id >= %s", (self._first,))
            return acknowledged - {row[0] for row in rows}

    def _write(self) -> None:
        number = self._first
        while not self._stop.is_set():
            try:
                with psycopg.connect(
                    self._dsn, autocommit=True, connect_timeout=3, prepare_threshold=None
                ) as connection:
                    while not self._stop.is_set():
                        number += 1
                        connection.execute("insert into ledger values (%s)", (number,))
                        self.acknowledged.add(number)
                        time.sleep(0.01)
            except psycopg.Error as error:
                self.failures.append(" ".join(str(error).split())[:200])
                time.sleep(0.05)
