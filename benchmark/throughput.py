"""pgbench with 16 clients through every path to the same primary, in turns."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from benchmark.options import Options
from benchmark.peer_pooler import peer_pooler, single_host
from benchmark.place import Place, engine, run
from holdfast.core.errors import Error
from holdfast.core.layout import POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.leadership import leader_name

CLIENTS, SCALE = 16, 20
IDLE_CLIENTS = 500
IDLE_EVERY_S = 20.0
"""A mostly idle client runs a statement this often."""
_MODES = {"select": ("--select-only",), "tpcb": ()}
_TPS = re.compile(r"tps = ([0-9.]+) ")
_FAILED = re.compile(r"number of failed transactions: (\d+) ")


async def measure(at: Place, options: Options) -> AsyncIterator[dict[str, Any]]:
    """A round goes through all paths there and the next one back, so that no place is better."""
    await at.apply()
    async with engine(at) as (_, cluster, doors):
        name = await leader_name(cluster, doors)
        primary = by_name(cluster, name) if name else None
        assert primary is not None, "a database that was applied has a leader"
        pgbench = Path(cluster.installation.bindir) / "pgbench"
        owner = await at.dsn("--role", "migrator")
        await _pgbench(pgbench, owner, "--initialize", f"--scale={SCALE}", "--quiet")
        direct, pooled = await at.dsn(), await at.dsn("--pooled")
        async with peer_pooler(at, cluster, primary, pooled) as hand:
            paths = {
                "plain": single_host(direct, primary.address, POSTGRESQL_PORT),
                "direct": direct,
                "hand": hand,
                "pooled": pooled,
                "idle-500": pooled,
            }
            for number in range(1, options.runs + 1):
                for mode in _MODES:
                    for path in list(paths)[:: 1 if number % 2 else -1]:
                        await _checkpoint(primary, doors)
                        async with _company(path, pooled):
                            tps = await _tps(pgbench, paths[path], mode, options.seconds)
                        yield {"mode": mode, "path": path, "round": number, "tps": tps}


def _company(path: str, pooled: str) -> AbstractAsyncContextManager[None]:
    return _idle_clients(pooled) if path == "idle-500" else nullcontext()


async def _checkpoint(primary: Node, doors: Doors) -> None:
    """Whoever comes first after a checkpoint writes whole pages: let that be everybody."""
    async with doors.connect(primary) as connection:
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
