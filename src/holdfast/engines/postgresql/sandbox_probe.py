"""Look into a sandbox: structure by pg_amcheck, pages by pg_checksums."""

from __future__ import annotations

from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.recovery.restore_test import Step
from holdfast.system.clock import Clock
from holdfast.system.host import Completed, Host

CHECK_TIMEOUT_S = 6 * 3600.0
_GONE = "the copy's server ended during the test"


async def structure(sandbox: Sandbox, host: Host, clock: Clock, *, jobs: int = 2) -> Step:
    """Every table, and every B-tree index against its table and its own parent pages."""
    if not await boxes.is_running(sandbox, host):
        return Step(None, 0.0, _GONE)
    begun = clock.monotonic()
    done = await boxes.run_in(
        sandbox,
        host,
        [
            f"{sandbox.bindir}/pg_amcheck",
            "--all",
            "--install-missing",
            "--heapallindexed",
            "--parent-check",
            "--rootdescend",
            f"--jobs={jobs}",
        ],
        timeout_s=CHECK_TIMEOUT_S,
    )
    return _amcheck(done, clock.monotonic() - begun)


def _amcheck(done: Completed, spent_s: float) -> Step:
    """Exit code 2 means that corruption was found, 1 that it could not look at everything."""
    if done.exit_code == 0:
        return Step(True, spent_s)
    said = " ".join(f"{done.text}\n{done.stderr.decode(errors='replace')}".split())
    ok = False if done.exit_code == 2 or "invalid page" in said else None
    word = "found corruption" if ok is False else f"ended with {done.exit_code}"
    return Step(ok, spent_s, f"pg_amcheck {word}: {said[:600]}")


async def checksums(sandbox: Sandbox, host: Host, clock: Clock) -> Step:
    """Read every page of the stopped copy and check its checksum."""
    stopped = await boxes.stop(sandbox, host)
    if not stopped.ok:
        return Step(None, 0.0, stopped.problem)
    begun = clock.monotonic()
    done = await boxes.run_in(
        sandbox,
        host,
        [f"{sandbox.bindir}/pg_checksums", "--check", "-D", str(sandbox.data)],
        timeout_s=CHECK_TIMEOUT_S,
    )
    spent_s = clock.monotonic() - begun
    if done.exit_code == 0:
        return Step(True, spent_s)
    said = done.stderr.decode(errors="replace")
    wrong = [line for line in said.splitlines() if "verification failed" in line]
    if wrong:
        return Step(False, spent_s, f"pg_checksums: {'; '.join(wrong[:3])[:600]}")
    return Step(None, spent_s, f"pg_checksums could not look: {' '.join(said.split())[-400:]}")
