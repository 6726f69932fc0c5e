"""Fill a stage from the running leader on the same machine: its data folder, copied while in use.

It is an ordinary base backup without pgBackRest: the server is told where it begins and where it
ends, and the WAL in between comes from the archive. Where the file system shares blocks between
files, nothing but names is copied.
"""

from __future__ import annotations

import asyncio

from holdfast.core.errors import Error
from holdfast.engines.postgresql import swap
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Connection, Doors
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.render_stage import archive_get, copy_settings
from holdfast.engines.postgresql.sandbox_process import end_processes, run_in
from holdfast.engines.postgresql.stage import Progress

_TIMEOUT_S = 24 * 3600.0
_EMPTY = (
    "pg_wal", "pg_wal/archive_status", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial",
    "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
)  # fmt: skip
"""Folders that a server makes anew, or that say something of the leader alone."""
_LEFT_OUT = frozenset(
    {"postmaster.pid", "postmaster.opts", "patroni.dynamic.json", "standby.signal",
     "recovery.signal", "current_logfiles", *(name for name in _EMPTY if "/" not in name)}
)  # fmt: skip


async def copy_leader(
    stage: Sandbox, source: Cluster, doors: Doors, progress: Progress
) -> dict[str, str]:
    """Copy the leader's data into the stage, ready to recover to their own end.

    Gives the node and the positions. Raises `Error` when nobody leads.
    """
    leader = await leader_node(source, doors)
    if leader is None:
        raise Error(
            f"nobody leads {source.name}, so there is nothing to copy",
            subject=f"database {source.name}",
            hint="restore it from its backups: holdfast restore --latest",
        )
    await end_processes(stage, doors.host, doors.clock)
    await doors.host.remove(str(stage.data))
    await doors.host.make_folder(str(stage.data), mode=0o700, owner=stage.os_user)
    total = await swap.size_bytes(leader.paths.data, source, doors)
    watching = asyncio.create_task(_watch(stage, source, total, doors, progress))
    try:
        # The connection is what keeps the server in backup mode: a copy that is cut off ends it.
        async with doors.connect(leader) as connection:
            began = await _begin(connection, source.version)
            await _copy(leader, stage, doors)
            label, ended = await _end(connection, source.version)
    finally:
        watching.cancel()
    for name in _EMPTY:
        await doors.host.make_folder(str(stage.data / name), mode=0o700, owner=stage.os_user)
    files = {
        "backup_label": label,
        "recovery.signal": "",
        "postgresql.auto.conf": copy_settings(archive_get(stage)),
    }
    for name, text in files.items():
        await doors.host.write(
            str(stage.data / name), text.encode(), mode=0o600, owner=stage.os_user
        )
    return {"node": leader.name, "began": began, "ended": ended}


async def _begin(connection: Connection, version: int) -> str:
    await connection.execute("set statement_timeout = 0")
    older = "select pg_start_backup('clone', true, false)::text"
    query = "select pg_backup_start('clone', true)::text" if version >= 15 else older
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return str(row[0])


async def _end(connection: Connection, version: int) -> tuple[str, str]:
    """The label file and the last position; returns when that is in the archive."""
    older = "select labelfile, lsn::text from pg_stop_backup(false, true)"
    query = "select labelfile, lsn::text from pg_backup_stop(true)" if version >= 15 else older
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return str(row[0]), str(row[1])


async def _copy(leader: Node, stage: Sandbox, doors: Doors) -> None:
    names = await doors.host.list(str(leader.paths.data))
    chosen = [str(leader.paths.data / name) for name in names if name not in _LEFT_OUT]
    argv = ["cp", "-a", "--reflink=auto", "-t", str(stage.data), *chosen]
    done = await run_in(stage, doors.host, argv, timeout_s=_TIMEOUT_S)
    said = done.stderr.decode(errors="replace").splitlines()
    # A table that is dropped meanwhile takes its file along; recovery knows of it.
    serious = [line for line in said if not line.endswith("No such file or directory")]
    if done.exit_code != 0 and (serious or not said):
        raise Error(f"the data of {leader.name} cannot be copied: {' '.join(serious)[:400]}")


async def _watch(
    stage: Sandbox, source: Cluster, total: int, doors: Doors, progress: Progress
) -> None:
    while True:
        await doors.clock.sleep(1.0)
        size = await swap.size_bytes(stage.data, source, doors)
        progress(min(size, total), total, "bytes copied")
