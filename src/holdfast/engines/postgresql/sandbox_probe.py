"""Look into a sandbox: files against the manifest, structure by pg_amcheck, a dump, all pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict

from holdfast.core.change import Json
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.counts import databases
from holdfast.engines.postgresql.render_manifest import File, Manifest
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.sandbox_process import run_in
from holdfast.recovery.restore_test import Step
from holdfast.system.clock import Clock
from holdfast.system.host import Completed, Host

CHECK_TIMEOUT_S = 6 * 3600.0
_GONE = "the copy's server ended during the test"
_UNIQUE_FROM = 17
"""The first major whose pg_amcheck looks for duplicates in unique indexes."""
_DATA = "pg_data/"
_REWRITTEN = frozenset({"postgresql.auto.conf"})
_ADDED = frozenset({"recovery.signal", "standby.signal", "tablespace_map", "backup.manifest"})
_BATCH_BYTES = 64 * 2**20
_HASHERS = 2
_NAMED = 5
_AMCHECK_LOG = "amcheck.log"
_PAGES = re.compile(r"(\d+)/(\d+) pages")
_PAGE_BYTES = 8192
_OTHER_INDEXES = """
select a.amname, count(*) from pg_class c join pg_am a on a.oid = c.relam
where c.relkind = 'i' and a.amname <> 'btree' group by 1 order by 1
"""
_LOOKED = """
select (select count(*) from pg_class where relkind in ('r', 'm', 't')),
       (select count(*) from pg_class c join pg_am a on a.oid = c.relam
        where c.relkind = 'i' and a.amname = 'btree')
"""


async def files(
    sandbox: Sandbox,
    host: Host,
    clock: Clock,
    told: Manifest,
    report: Callable[[float, float], None],
) -> dict[str, Json]:
    """Every restored file against the manifest: a step, with `count`, `bytes`, `not_looked_at`.

    `report` hears of bytes done and in all.
    """
    begun = clock.monotonic()
    compared = [each for each in told.files if _is_compared(each)]
    size, done = sum(each.size for each in compared), 0
    turns = asyncio.Semaphore(_HASHERS)

    async def hashed(batch: Sequence[File]) -> list[str]:
        nonlocal done
        async with turns:
            wrong = await _wrong_files(sandbox, host, batch)
        done += sum(each.size for each in batch)
        report(done, size)
        return wrong

    found = await asyncio.gather(*(hashed(batch) for batch in _batches(compared)))
    problems = [each for part in found for each in part]
    problems += await _strangers(sandbox, host, told)
    left_out = sorted(each.name for each in told.files if not _is_compared(each))
    named = [f"file {name}" for name in left_out[:_NAMED]]
    if len(left_out) > _NAMED:
        named.append(f"{len(left_out) - _NAMED} more files outside of the data folder")
    step = Step(not problems, clock.monotonic() - begun, "; ".join(problems[:5])[:600])
    return {
        **asdict(step),
        "count": len(compared),
        "bytes": size,
        "not_looked_at": named,
    }


def _is_compared(file: File) -> bool:
    name = file.name.removeprefix(_DATA)
    return file.name.startswith(_DATA) and name not in _REWRITTEN and "\n" not in name


def _batches(files: Sequence[File]) -> list[list[File]]:
    batches: list[list[File]] = []
    size = _BATCH_BYTES
    for file in files:
        if size >= _BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(file)
        size += file.size
    return batches


async def _wrong_files(sandbox: Sandbox, host: Host, batch: Sequence[File]) -> list[str]:
    lines = "".join(
        f"{each.sha1}  {sandbox.data}/{each.name.removeprefix(_DATA)}\n" for each in batch
    )
    done = await run_in(
        sandbox,
        host,
        ["sha1sum", "--check", "--strict", "--quiet"],
        stdin=lines.encode(),
        timeout_s=CHECK_TIMEOUT_S,
    )
    if done.exit_code == 0:
        return []
    said = done.text.replace(f"{sandbox.data}/", "").splitlines()
    return [f"restored file {line}" for line in said] or ["sha1sum could not look"]


async def _strangers(sandbox: Sandbox, host: Host, told: Manifest) -> list[str]:
    done = await run_in(
        sandbox, host, ["find", str(sandbox.data), "-type", "f", "-printf", "%P\\n"],
        timeout_s=600.0,
    )  # fmt: skip
    known = {each.name.removeprefix(_DATA) for each in told.files}
    strange = sorted({*done.text.splitlines()} - known - _ADDED - _REWRITTEN)
    return [f"restored file {name} is not in the manifest" for name in strange]


async def structure(
    sandbox: Sandbox, host: Host, clock: Clock, *, jobs: int = 2, version: int = 0
) -> Step:
    """Every table, and every B-tree index against its table and its own parent pages."""
    if not await boxes.is_running(sandbox, host):
        return Step(None, 0.0, _GONE)
    begun = clock.monotonic()
    done = await run_in(
        sandbox,
        host,
        [
            f"{sandbox.bindir}/pg_amcheck",
            "--all",
            "--install-missing",
            "--heapallindexed",
            "--parent-check",
            "--rootdescend",
            *(["--checkunique"] if version >= _UNIQUE_FROM else []),
            f"--jobs={jobs}",
            "--progress",
        ],
        timeout_s=CHECK_TIMEOUT_S,
        errors_to=str(sandbox.log / _AMCHECK_LOG),
    )
    return _amcheck(done, clock.monotonic() - begun)


async def checked_bytes(sandbox: Sandbox, host: Host) -> tuple[int, int]:
    """How much pg_amcheck has looked at, and of how much, as it tells itself."""
    said = ((await host.read(str(sandbox.log / _AMCHECK_LOG))) or b"").decode(errors="replace")
    told = _PAGES.findall(said)
    return (int(told[-1][0]) * _PAGE_BYTES, int(told[-1][1]) * _PAGE_BYTES) if told else (0, 0)


def _amcheck(done: Completed, spent_s: float) -> Step:
    """Exit code 2 means that corruption was found, 1 that it could not look at everything."""
    if done.exit_code == 0:
        return Step(True, spent_s)
    errors = "\n".join(
        line for line in re.split(r"[\r\n]+", done.stderr.decode(errors="replace"))
        if not _PAGES.search(line)
    )  # fmt: skip
    said = " ".join(f"{done.text}\n{errors}".split())
    ok = False if done.exit_code == 2 or "invalid page" in said else None
    word = "found corruption" if ok is False else f"ended with {done.exit_code}"
    return Step(ok, spent_s, f"pg_amcheck {word}: {said[:600]}")


async def surveyed(sandbox: Sandbox) -> dict[str, list[str]]:
    """What pg_amcheck looks at in all databases, and which indexes it does not know."""
    tables = indexes = 0
    others: dict[str, int] = {}
    for database in await databases(lambda name: boxes.connected(sandbox, name)):
        async with boxes.connected(sandbox, database) as connection:
            row = await (await connection.execute(_LOOKED)).fetchone() or (0, 0)
            tables, indexes = tables + row[0], indexes + row[1]
            for kind, count in await (await connection.execute(_OTHER_INDEXES)).fetchall():
                others[kind] = others.get(kind, 0) + count
    return {
        "looked_at": [f"{tables} tables and {indexes} B-tree indexes"],
        "not_looked_at": [
            f"{count} {kind} index{'' if count == 1 else 'es'}, which pg_amcheck does not check"
            for kind, count in others.items()
        ],
    }


async def dump(sandbox: Sandbox, host: Host, clock: Clock) -> Step:
    """Dump every database to nowhere."""
    if not await boxes.is_running(sandbox, host):
        return Step(None, 0.0, _GONE)
    begun = clock.monotonic()
    for database in await databases(lambda name: boxes.connected(sandbox, name)):
        name = re.sub(r"(['\\])", r"\\\1", database)
        done = await run_in(
            sandbox,
            host,
            [
                f"{sandbox.bindir}/pg_dump",
                "--format=plain",
                "--file=/dev/null",
                f"--dbname=dbname='{name}'",
            ],
            timeout_s=CHECK_TIMEOUT_S,
        )
        if done.exit_code != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())[:600]
            spent_s = clock.monotonic() - begun
            return Step(False, spent_s, f"pg_dump of {database} failed: {said}")
    return Step(True, clock.monotonic() - begun)


async def checksums(sandbox: Sandbox, host: Host, clock: Clock) -> Step:
    """Read every page of the stopped copy and check its checksum."""
    stopped = await boxes.stop(sandbox, host)
    if not stopped.ok:
        return Step(None, 0.0, stopped.problem)
    begun = clock.monotonic()
    done = await run_in(
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
