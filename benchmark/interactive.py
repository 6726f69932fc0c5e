"""What a person waits for, and what the control plane costs while nobody asks anything."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmark.options import Options
from benchmark.place import COMMAND, DOCUMENT, Place, run

PARTS = ("control-plane", "supervisor", "control-postgresql")
"""Programs that run for the platform itself; the first is `holdfast serve`, the control plane."""
_SETTLE_S = 15.0
_SAMPLE_S = 1.0
_MB = 1_000_000


async def measure(at: Place, options: Options) -> AsyncIterator[dict[str, Any]]:
    """Commands first, then silence."""
    await at.apply()
    environment = os.environ | {"HOLDFAST_HOME": str(at.home)}
    for number in range(1, options.runs + 1):
        for what, arguments in (("plan", ("plan", str(DOCUMENT))), ("help", ("--help",))):
            begun = time.monotonic()
            await run([str(COMMAND), *arguments], env=environment)
            yield {"what": what, "round": number, "seconds": round(time.monotonic() - begun, 4)}
    await asyncio.sleep(min(_SETTLE_S, options.idle_s))
    yield {"what": "idle", "round": 1, **await _idle(at, options.idle_s)}


async def _idle(at: Place, seconds: float) -> dict[str, Any]:
    """Share of one core over the whole time, and the most memory that was resident at once."""
    programs = {
        part["name"]: psutil.Process(part["pid"])
        for part in await at.json("status")
        if part["pid"] is not None
    }
    before = {name: _cpu_s(process) for name, process in programs.items()}
    begun = time.monotonic()
    rss = dict.fromkeys(PARTS, 0)
    while time.monotonic() - begun < seconds:
        await asyncio.sleep(min(_SAMPLE_S, seconds))
        rss = {name: max(rss[name], programs[name].memory_info().rss) for name in PARTS}
    elapsed_s = time.monotonic() - begun
    used = {
        name: 100 * (_cpu_s(process) - before[name]) / elapsed_s
        for name, process in programs.items()
    }
    return {
        "seconds": round(elapsed_s, 1),
        "cpu_percent": {name: round(used[name], 2) for name in PARTS},
        "cpu_percent_of_everything": round(sum(used.values()), 2),
        "rss_mb": {name: round(rss[name] / _MB, 1) for name in PARTS},
    }


def _cpu_s(process: psutil.Process) -> float:
    """Seconds of processor time of a program and of its children, ended ones included."""
    total = 0.0
    for each in (process, *_below(process)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if each == process:
            total += times.children_user + times.children_system
    return total


def _below(process: psutil.Process) -> list[psutil.Process]:
    # The supervisor's children are programs of their own, and counted as such.
    name = process.cmdline()
    return [] if any("supervisord" in part for part in name) else process.children(recursive=True)
