"""From a document to a database that is ready, against bare Patroni; alternately."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from benchmark.bare import bare
from benchmark.options import Options
from benchmark.place import DATABASE, Place
from holdfast.app.wiring import real_platform


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


def _since(zero: datetime, moment: str) -> float:
    return round((datetime.fromisoformat(moment) - zero).total_seconds(), 3)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
