"""Programs of a sandbox: started as the data plane's user, confined, polite, and all ended again.

They may write beneath the sandbox's folder alone, wherever the kernel has Landlock: the repository
is read-only to them, and the source's folders and spool are out of reach (`system.confine`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from holdfast.core.errors import Error, TimedOut
from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.postmaster import running_postmaster
from holdfast.engines.postgresql.render_sandbox import MARK, Sandbox
from holdfast.recovery.restore_test import Step
from holdfast.system import confine, processes
from holdfast.system.clock import Clock
from holdfast.system.host import Completed, Host

_END_S = 10.0


@cache
def _text() -> str:
    return Path(confine.__file__).read_text(encoding="utf-8")


def _confined(sandbox: Sandbox, argv: Sequence[str]) -> list[str]:
    if not sandbox.python:
        return ["nice", "-n", "10", *argv]
    return [sandbox.python, "-I", "-S", "-c", _text(), str(sandbox.folder), *argv]


async def run_in(
    sandbox: Sandbox,
    host: Host,
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes | None = None,
    errors_to: str = "",
) -> Completed:
    """Run a program as the data plane's user, marked as the sandbox's, and confined.

    With `errors_to`, standard error goes to that file, where it can be read meanwhile.
    """
    command = list(argv)
    if errors_to:
        command = ["/bin/sh", "-c", 'exec "$@" 2>"$0"', errors_to, *command]
    try:
        done = await host.run(
            _confined(sandbox, command),
            user=sandbox.os_user,
            env={
                MARK: str(sandbox.folder),
                "PGHOST": str(sandbox.run),
                "PGPORT": "5432",
                "PGUSER": POSTGRES,
                # A database's owner may set a role and a search path for every session in it.
                "PGOPTIONS": "-c statement_timeout=0 -c role=none -c search_path=pg_catalog",
            },
            stdin=stdin,
            timeout_s=timeout_s,
            check=False,
        )
    except TimedOut:
        message = f"{argv[0]} did not end within {timeout_s:g} s"
        return Completed(tuple(argv), -1, b"", message.encode())
    errors = (await host.read(errors_to)) or b"" if errors_to else done.stderr
    return Completed(tuple(argv), done.exit_code, done.stdout, errors)


async def confinement(sandbox: Sandbox, host: Host) -> str:
    """What keeps the sandbox's programs from writing elsewhere, in a clause."""
    if not sandbox.python:
        return "not confined"
    done = await host.run(
        [sandbox.python, "-I", "-S", "-c", _text(), str(sandbox.folder)],
        user=sandbox.os_user,
        check=False,
    )
    version = done.text.strip()
    if done.exit_code != 0 or version in ("", "0"):
        return "not confined: this kernel has no Landlock"
    network = ", and no TCP" if int(version) >= 4 else ""
    return f"may write to its own folder only{network} (Landlock {version})"


def step_of(done: Completed, what: str, spent_s: float) -> Step:
    """A program's end as a step, with the first things that it complained of."""
    if done.exit_code == 0:
        return Step(True, spent_s)
    said = [
        line for line in f"{done.text}\n{done.stderr.decode(errors='replace')}".splitlines() if line
    ]
    complaints = [line for line in said if "ERROR" in line or "FATAL" in line] or said
    problem = f"{what} failed with {done.exit_code}: {' '.join(complaints[:3])[:600]}"
    return Step(None if is_ours("\n".join(said)) else False, spent_s, problem)


def is_ours(said: str) -> bool:
    """Whether this machine is to blame, which says nothing about the backup."""
    return "No space left on device" in said or "Cannot allocate memory" in said


async def end_processes(sandbox: Sandbox, host: Host, clock: Clock) -> None:
    """End what an earlier run may have left: the server first, then whatever bears the mark."""
    postmaster = await running_postmaster(sandbox.data, host)
    if postmaster is not None:
        await host.run(["kill", "-QUIT", str(postmaster.pid)], user=sandbox.os_user, check=False)
    deadline = clock.monotonic() + _END_S
    signal = "-TERM"
    while pids := await asyncio.to_thread(processes.started_with, MARK, str(sandbox.folder)):
        if clock.monotonic() > deadline:
            if signal == "-KILL":
                raise Error(
                    f"processes of the sandbox {sandbox.folder} do not end: {pids}",
                    subject=f"sandbox {sandbox.folder.name}",
                )
            signal, deadline = "-KILL", clock.monotonic() + _END_S
        others = [pid for pid in pids if postmaster is None or pid != postmaster.pid]
        chosen = pids if signal == "-KILL" else others
        if chosen:
            await host.run(["kill", signal, *map(str, chosen)], user=sandbox.os_user, check=False)
        await clock.sleep(0.05)
