"""Runs the programs that Holdfast is compared with, and leaves none of them behind.

A program of its own: standard input gives one line of JSON, a list of `argv`, `env`, `folder` and
`log` each; `user` is whom to run them as. At the end of the input every descendant is killed.

Descendants that lost their parent are adopted and reaped at once, exactly as Holdfast's
supervisor does it for its own: under a process 1 that reaps late, a dead postmaster looks alive
for a while, and a comparison with that would be one of process 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from holdfast.core.errors import Error
from holdfast.system.accounts import account
from holdfast.system.supervisord import adopt_orphans

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Kept:
    """A program to run: its environment is `env` alone, its output goes to `log`."""

    argv: tuple[str, ...]
    env: dict[str, str]
    folder: str
    log: str


@asynccontextmanager
async def keeping(programs: Sequence[Kept], user: str) -> AsyncIterator[None]:
    """The programs, started all at once; gone with all their children when the body ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmark.keeper"),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        request = {"user": user, "programs": [asdict(each) for each in programs]}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
        yield
    finally:
        process.stdin.close()
        await asyncio.shield(process.wait())
    if process.returncode:
        raise Error(f"the keeper of {programs[0].argv[0]} ended with {process.returncode}")


def main() -> None:
    """Start, wait for the end of the input, kill."""
    request = json.loads(sys.stdin.readline())
    adopt_orphans()
    who = account(request["user"])
    switch: dict[str, Any] = {}
    if os.geteuid() == 0:
        switch = {"user": who.uid, "group": who.gid, "extra_groups": list(who.groups)}
    for each in request["programs"]:
        with Path(each["log"]).open("ab") as log:
            subprocess.Popen(
                each["argv"],
                env=each["env"],
                cwd=each["folder"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **switch,
            )
    threading.Thread(target=_reap, daemon=True).start()
    sys.stdin.read()
    _kill_all()


def _reap() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(0.02)


def _kill_all() -> None:
    """Until nobody is left: what is killed may just have had another child."""
    deadline = time.monotonic() + 30
    while children := psutil.Process().children(recursive=True):
        if time.monotonic() > deadline:
            sys.exit(f"processes {[child.pid for child in children]} cannot be ended")
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
