"""The stanza, the archive's first segment, backups."""

from __future__ import annotations

import json

from holdfast.core.change import Change
from holdfast.core.errors import Bug, Error
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.leadership import leader_node
from holdfast.engines.postgresql.observe_backup import archive as observe_archive
from holdfast.engines.postgresql.observe_backup import backup as observe_backup
from holdfast.engines.postgresql.perform.waiting import until


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
    await take(cluster, doors, "full")


async def take(cluster: Cluster, doors: Doors, kind: str) -> dict[str, object]:
    """Take a backup of kind `full`, `diff` or `incr`; gives pgBackRest's own facts of it."""
    await pgbackrest(cluster, doors, f"--type={kind}", "backup")
    backups = await listed(cluster, doors)
    if not backups:
        raise Bug(f"pgbackrest made a backup of {cluster.name} and does not list it")
    return backups[-1]


async def listed(cluster: Cluster, doors: Doors) -> list[dict[str, object]]:
    """All complete backups, oldest first, as `pgbackrest info` tells of them."""
    text = await pgbackrest(cluster, doors, "--output=json", "info", timeout_s=60.0)
    stanzas = [each for each in json.loads(text) if each["name"] == cluster.name]
    return [backup for stanza in stanzas for backup in stanza["backup"]]
