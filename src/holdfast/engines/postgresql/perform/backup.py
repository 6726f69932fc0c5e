"""The stanza, the archive's first segment, backups."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import TypeAlias

from holdfast.core.change import Change, Json
from holdfast.core.errors import Bug, Error
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.observe_backup import archive as observe_archive
from holdfast.engines.postgresql.observe_backup import backup as observe_backup
from holdfast.engines.postgresql.observe_node import in_service, observe_member
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_backup import repositories

Progress: TypeAlias = Callable[[float, float | None, str], None]

TIMEOUT_S = 24 * 3600.0


async def pgbackrest(
    cluster: Cluster, doors: Doors, *command: str, timeout_s: float = 3600.0
) -> str:
    """Run pgBackRest for the whole cluster as the data plane's user; gives its output."""
    configuration = cluster.site.cluster(cluster.name) / "conf" / "pgbackrest.conf"
    done = await doors.host.run(
        [
            cluster.installation.pgbackrest,
            f"--config={configuration}",
            f"--stanza={cluster.name}",
            *command,
        ],
        user=cluster.site.os_user,
        timeout_s=timeout_s,
        check=False,
    )
    if done.exit_code != 0:
        said = (done.text or done.stderr.decode(errors="replace")).strip().splitlines()
        raise Error(
            f"pgbackrest {command[-1]} of {cluster.name} failed with {done.exit_code}: "
            f"{' '.join(said[-3:])[-600:]}",
            subject=f"database {cluster.name}",
            hint=f"read the logs in {cluster.site.cluster(cluster.name) / 'log'}",
        )
    return done.text


async def archive(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Create the stanza and have one segment arrive in the repository."""
    await pgbackrest(cluster, doors, "stanza-create", timeout_s=120.0)
    found = await observe_archive(cluster, doors)
    if found and found[0].attributes["state"] == "receives segments":
        return
    node = await leader_node(cluster, doors)
    if node is None:
        raise Error(f"{cluster.name} has no leader to archive from", hint="apply again")
    async with doors.connect(node) as connection:
        await connection.execute("select pg_switch_wal()")

    async def outstanding() -> str:
        found = await observe_archive(cluster, doors)
        state = str(found[0].attributes["state"]) if found else "no stanza"
        return "" if state == "receives segments" else state

    await until(
        outstanding,
        doors,
        deadline_s=60.0,
        what=f"the first archived segment of {cluster.name}",
        hint=f"read the logs in {node.paths.log}",
    )


async def first_backup(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Take a full backup unless a complete one is there."""
    found = await observe_backup(cluster, doors)
    if found and found[0].attributes["state"] == "a full backup is there":
        return
    for repository in repositories(cluster):
        # The replicas are being made at this very time: nobody waits for one of them here.
        await take(cluster, doors, "full", repository=repository, from_standby=False)


async def take(
    cluster: Cluster,
    doors: Doors,
    kind: str,
    progress: Progress = lambda *_: None,
    *,
    repository: int = 1,
    from_standby: bool = True,
) -> dict[str, Json]:
    """Take a backup of kind `full`, `diff` or `incr`; gives pgBackRest's own facts of it.

    It is read from a standby where one streams, so that the leader has nothing of it but its
    start and its end.
    """
    await _others_end(cluster, doors, progress)
    watching = asyncio.create_task(_watch(cluster, doors, progress))
    try:
        await _take(cluster, doors, kind, repository, from_standby=from_standby)
    finally:
        watching.cancel()
    backups = [
        each for each in await listed(cluster, doors)
        if (each.get("database") or {}).get("repo-key", 1) == repository
    ]  # fmt: skip
    if not backups:
        raise Bug(f"pgbackrest made a backup of {cluster.name} and does not list it")
    return backups[-1]


async def _take(
    cluster: Cluster, doors: Doors, kind: str, repository: int, *, from_standby: bool
) -> None:
    options = (f"--type={kind}", f"--repo={repository}")
    standby = await _streaming(cluster, doors) if from_standby else None
    if standby is not None:
        try:
            await pgbackrest(cluster, doors, *options, "--backup-standby", "backup",
                             timeout_s=TIMEOUT_S)  # fmt: skip
        except Error as error:
            if await _streaming(cluster, doors) is not None and "standby" not in error.message:
                raise
            doors.note(f"{standby} cannot be backed up from ({error.message}): the leader is read")
        else:
            doors.note(f"the files were read from {standby}")
            return
    await pgbackrest(cluster, doors, *options, "backup", timeout_s=TIMEOUT_S)


async def _streaming(cluster: Cluster, doors: Doors) -> str | None:
    """A standby that streams; None when there is none."""
    leader = await leader_node(cluster, doors)
    for node in cluster.nodes:
        if node != leader and in_service(await observe_member(node, doors)):
            return node.name
    return None


async def _others_end(cluster: Cluster, doors: Doors, progress: Progress) -> None:
    """Wait for a backup that is under way already, such as one of a process that was killed."""
    end = doors.clock.monotonic() + TIMEOUT_S
    while (held := await _held(cluster, doors)) is not None:
        if doors.clock.monotonic() > end:
            raise Error(f"another backup of {cluster.name} does not end")
        progress(*held, "bytes of a backup that is under way already")
        await doors.clock.sleep(1.0)


async def _watch(cluster: Cluster, doors: Doors, progress: Progress) -> None:
    while True:
        await doors.clock.sleep(1.0)
        with contextlib.suppress(Error):
            held = await _held(cluster, doors)
            if held is not None and held[1]:
                progress(*held, "bytes backed up")


async def _held(cluster: Cluster, doors: Doors) -> tuple[float, float | None] | None:
    """How far the backup that is under way is, where pgBackRest tells; None when none is."""
    for stanza in await _info(cluster, doors):
        lock = stanza.get("status", {}).get("lock", {}).get("backup", {})
        if lock.get("held"):
            return float(lock.get("size-cplt") or 0), lock.get("size")
    return None


async def listed(cluster: Cluster, doors: Doors) -> list[dict[str, Json]]:
    """All complete backups, oldest first, as `pgbackrest info` tells of them."""
    return [backup for stanza in await _info(cluster, doors) for backup in stanza["backup"]]


async def _info(cluster: Cluster, doors: Doors) -> list[dict[str, Json]]:
    text = await pgbackrest(cluster, doors, "--output=json", "info", timeout_s=60.0)
    return [each for each in json.loads(text) if each["name"] == cluster.name]


async def damaged(cluster: Cluster, doors: Doors, label: str) -> list[str]:
    """The files of a backup in which pgBackRest found pages with wrong checksums."""
    command = (f"--set={label}", "--output=json", "info")
    text = await pgbackrest(cluster, doors, *command, timeout_s=60.0)
    stanzas = [each for each in json.loads(text) if each["name"] == cluster.name]
    backups = [backup for stanza in stanzas for backup in stanza["backup"]]
    return [str(name) for each in backups for name in each.get("error-list") or ()]


async def expire(cluster: Cluster, doors: Doors, label: str) -> None:
    """Take a backup, and all that depends on it, out of the repository."""
    await pgbackrest(cluster, doors, f"--set={label}", "expire", timeout_s=TIMEOUT_S)
    doors.note(f"backup {label} is gone, with what depended on it")
