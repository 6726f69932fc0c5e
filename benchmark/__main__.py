"""Measure, keep the raw runs, write the page.

Everything happens in a folder of its own, which is removed at the end, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from benchmark import evidence, gaps, interactive, ready, throughput
from benchmark.figures import FIGURES
from benchmark.machine import machine, versions
from benchmark.options import QUICK, Options
from benchmark.page import page
from benchmark.place import ROOT, Place, place
from benchmark.results import Result, load, save
from holdfast.app.wiring import real_platform
from holdfast.core.errors import Error

Measure: TypeAlias = Callable[[Place, Options], AsyncIterator[dict[str, Any]]]

MEASURES: Mapping[str, Measure] = {
    "ready": ready.measure,
    "evidence": evidence.measure,
    "interactive": interactive.measure,
    "throughput": throughput.measure,
    "gaps": gaps.measure,
}
"""In the order in which they run: the faults come last."""
RESULTS = ROOT / "benchmark" / "results"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 when a claim was missed, 2 when nothing could be measured."""
    given = _arguments(arguments)
    options = QUICK if given.quick else Options()
    if given.runs is not None:
        options = replace(options, runs=given.runs)
    if given.kills is not None:
        options = replace(options, kills=given.kills)
    if given.seconds is not None:
        options = replace(options, seconds=given.seconds)
    names = [name for name in MEASURES if name in given.names] or list(MEASURES)
    folder = ROOT / "build" / "benchmark" if given.quick else RESULTS
    try:
        asyncio.run(_measure(given.home, names, options, folder))
    except Error as error:
        print(f"benchmark: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  hint: {error.hint}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("benchmark: interrupted; everything is stopped and removed", file=sys.stderr)
        return 130
    results = load(folder)
    (folder / "benchmarks.md" if given.quick else PAGE).write_text(page(results))
    return _tell({name: results[name] for name in names})


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], metavar="NAME",
                        help=f"what to measure: {', '.join(MEASURES)} (default: all)")  # fmt: skip
    parser.add_argument("--runs", type=int, help="rounds of each comparison (default: 5)")
    parser.add_argument("--kills", type=int, help="runs of each fault (default: 20)")
    parser.add_argument("--seconds", type=int, help="length of a pgbench run (default: 10)")
    parser.add_argument("--home", type=Path, default=_default_home(), metavar="DIR",
                        help="folder to work in, removed afterwards [%(default)s]")  # fmt: skip
    parser.add_argument("--quick", action="store_true",
                        help="one short run of each; results go to build/benchmark")  # fmt: skip
    return parser.parse_args(arguments)


def _default_home() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/holdfast-benchmark")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "holdfast-benchmark"


async def _measure(home: Path, names: Sequence[str], options: Options, folder: Path) -> None:
    _stop_once()
    async with place(home.absolute()) as at:
        platform = await real_platform(at.settings)
        facts, known = machine(at.folder), versions(platform)
        await platform.store.close()
        for name in names:
            begun, now = time.monotonic(), datetime.now(UTC)
            runs = []
            async for run in MEASURES[name](at, options):
                runs.append(run)
                _note(name, run)
            result = Result(
                name=name,
                command=_command(sys.argv[1:]),
                measured_at=f"{now:%d %B %Y, %H:%M} UTC",
                took_s=round(time.monotonic() - begun, 1),
                machine=facts,
                versions=known,
                runs=runs,
            )
            save(folder, result)


def _stop_once() -> None:
    """Have the first Ctrl-C or TERM take everything down, and no further one disturb that."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            print("benchmark: stopping and removing everything", file=sys.stderr)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _command(arguments: Sequence[str]) -> str:
    if not arguments:
        return "make benchmark"
    return shlex.join([".venv/bin/python", "-m", "benchmark", *arguments])


def _note(name: str, run: Mapping[str, Any]) -> None:
    shown = {field: value for field, value in run.items() if field != "holdfast"}
    if "holdfast" in run:
        shown["holdfast"] = {"seconds": run["holdfast"]["seconds"]}
    print(f"{name:<12} {shown}", file=sys.stderr, flush=True)


def _tell(results: Mapping[str, Result]) -> int:
    missed = 0
    for name, result in results.items():
        for figure in FIGURES[name](result.runs):
            missed += figure.verdict == "missed"
            limit = "" if figure.bound is None else f"  (claim {figure.bound.limit:g})"
            print(f"{figure.verdict:<7} {figure.what}: {figure.value:.3g} {figure.unit}{limit}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
