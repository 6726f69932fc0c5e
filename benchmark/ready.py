"""From a document to a database that is ready, against bare Patroni; alternately."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from benchmark.bare import bare
from benchmark.options import Options
from benchmark.place import DATABASE, Place, engine
from holdfast.app.wiring import real_platform
from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import POSTGRES, Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import to_leader


async def measure(at: Place, options: Options) -> AsyncIterator[dict[str, Any]]:
    """One round at a time: an apply, gone again, then the bare cluster, gone again."""
    platform = await real_platform(at.settings)
    try:
        for number in range(1, options.runs + 1):
            await _absent(at)
            ours = await _apply(at)
            await at.delete()
            async with bare(at, platform) as theirs:
                yield {"round": number, "holdfast": ours, "bare": _rounded(theirs)}
    finally:
        await platform.etcd.close()
        await platform.patroni.close()
        await platform.store.close()


async def _absent(at: Place) -> None:
    if any(each["name"] == DATABASE for each in await at.json("get", "databases")):
        await at.delete()


async def _apply(at: Place) -> dict[str, Any]:
    begun = time.monotonic()
    await at.apply()
    seconds = time.monotonic() - begun
    async with engine(at) as (_, cluster, doors):
        await _surely_ready(cluster, doors)
    newest = (await at.json("op", "list", "--database", DATABASE, "--limit", "1"))[0]
    operation = await at.json("op", "show", newest["id"])
    zero = datetime.fromisoformat(operation["started_at"])
    return {
        "seconds": round(seconds, 3),
        "steps": [
            [step["name"], _since(zero, step["started_at"]), _since(zero, step["finished_at"])]
            for step in operation["steps"]
        ],
    }


async def _surely_ready(cluster: Cluster, doors: Doors) -> None:
    """Hold "ready" against the bare cluster's: replicas stream, and a commit waits for one."""
    connect = await to_leader(cluster, doors)
    async with connect(POSTGRES) as connection:
        cursor = await connection.execute(
            "select count(*), count(*) filter (where sync_state in ('sync', 'quorum'))"
            " from pg_stat_replication where state = 'streaming' and application_name = any(%s)",
            [[node.name for node in cluster.nodes]],
        )
        streaming, synchronous = await cursor.fetchone() or (0, 0)
    if streaming != len(cluster.nodes) - 1 or not synchronous:
        raise Error(
            f"apply said ready while {streaming} replicas streamed, {synchronous} synchronously"
        )


def _since(zero: datetime, moment: str) -> float:
    return round((datetime.fromisoformat(moment) - zero).total_seconds(), 3)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
