"""pgbench with 16 clients through every path to the same primary, in turns."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from benchmark.options import Options
from benchmark.peer_pooler import peer_pooler, single_host
from benchmark.place import Place, engine, run
from holdfast.core.errors import Error
from holdfast.core.layout import POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.leadership import leader_name

CLIENTS, SCALE = 16, 20
IDLE_CLIENTS = 500
IDLE_EVERY_S = 20.0
"""A mostly idle client runs a statement this often."""
PATHS = ("plain", "direct", "hand", "pooled", "idle-500")
_LEAVE_TIMEOUT_S = 10.0
_MODES = {"select": ("--select-only",), "tpcb": ()}
_TPS = re.compile(r"tps = ([0-9.]+) ")
_FAILED = re.compile(r"number of failed transactions: (\d+) ")


async def measure(at: Place, options: Options) -> AsyncIterator[dict[str, Any]]:
    """A round goes through all paths and back again: what drifts meets all of them alike."""
    await at.apply()
    async with engine(at) as (_, cluster, doors):
        name = await leader_name(cluster, doors)
        primary = by_name(cluster, name) if name else None
        assert primary is not None, "a database that was applied has a leader"
        pgbench = Path(cluster.installation.bindir) / "pgbench"
        owner = await at.dsn("--role", "migrator")
        await _pgbench(pgbench, owner, "--initialize", f"--scale={SCALE}", "--quiet")
        paths = _Paths(at, cluster, primary, await at.dsn(), await at.dsn("--pooled"))
        for number in range(1, options.runs + 1):
            for mode in _MODES:
                halves: dict[str, list[float]] = {path: [] for path in PATHS}
                for path in (*PATHS, *reversed(PATHS)):
                    await _alike(primary, doors)
                    async with paths.open(path) as uri:
                        tps = await _tps(pgbench, uri, mode, max(1, options.seconds // 2))
                    halves[path].append(tps)
                for path, found in halves.items():
                    yield {
                        "mode": mode,
                        "path": path,
                        "round": number,
                        "tps": round(sum(found) / len(found), 1),
                        "halves": found,
                    }


@dataclass(frozen=True, slots=True)
class _Paths:
    """The ways to the primary, each there only while it is measured."""

    at: Place
    cluster: Cluster
    primary: Node
    direct: str
    pooled: str

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[str]:
        """The URI of one of `PATHS`."""
        if path == "plain":
            yield single_host(self.direct, self.primary.address, POSTGRESQL_PORT)
        elif path == "direct":
            yield self.direct
        elif path == "hand":
            async with peer_pooler(self.at, self.cluster, self.primary, self.pooled) as uri:
                yield uri
        elif path == "pooled":
            yield self.pooled
        else:
            async with _idle_clients(self.pooled):
                yield self.pooled


async def _alike(primary: Node, doors: Doors) -> None:
    """Begin every run alike: nobody's sessions are left, and a checkpoint has just been.

    The first writes after a checkpoint write whole pages: that is for everybody, or for nobody.
    """
    deadline = time.monotonic() + _LEAVE_TIMEOUT_S
    async with doors.connect(primary) as connection:
        while time.monotonic() < deadline:
            cursor = await connection.execute(
                "select count(*) from pg_stat_activity where backend_type = 'client backend'"
                " and application_name = 'pgbench' and state <> 'idle'"
            )
            if (await cursor.fetchone() or (0,))[0] == 0:
                break
            await asyncio.sleep(0.1)
        await connection.execute("checkpoint")


async def _tps(pgbench: Path, uri: str, mode: str, seconds: int) -> float:
    said = await _pgbench(
        pgbench,
        uri,
        "--no-vacuum",
        f"--client={CLIENTS}",
        "--jobs=2",
        f"--time={seconds}",
        *_MODES[mode],
    )
    found, failed = _TPS.search(said), _FAILED.search(said)
    if found is None or (failed is not None and failed[1] != "0"):
        raise Error(f"pgbench did not do all of its work: {said[-500:]}")
    return round(float(found[1]), 1)


async def _pgbench(pgbench: Path, uri: str, *arguments: str) -> str:
    # The password is not for the process list.
    parts = urlsplit(uri)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    bare = parts._replace(netloc=f"{user}@{hosts}").geturl()
    environment = os.environ | {"PGPASSWORD": unquote(password)}
    return await run([str(pgbench), *arguments, bare], env=environment, timeout_s=300)


@asynccontextmanager
async def _idle_clients(uri: str) -> AsyncIterator[None]:
    """500 open connections, each of which says something now and then."""
    gate = asyncio.Semaphore(16)

    async def connect() -> psycopg.AsyncConnection:
        async with gate:
            return await psycopg.AsyncConnection.connect(
                uri, autocommit=True, prepare_threshold=None
            )

    connections = await asyncio.gather(*(connect() for _ in range(IDLE_CLIENTS)))
    talking = asyncio.create_task(_talk(connections))
    try:
        yield
        if talking.done():
            talking.result()
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        for connection in connections:
            await connection.close()


async def _talk(connections: list[psycopg.AsyncConnection]) -> None:
    """One after the other, evenly spread, for ever."""
    while True:
        for connection in connections:
            await connection.execute("select 1")
            await asyncio.sleep(IDLE_EVERY_S / len(connections))
