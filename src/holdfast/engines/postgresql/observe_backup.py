"""Look at the archive and the backups, in the repository itself and as the archiver tells."""

from __future__ import annotations

import re

from holdfast.core.change import Resource
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors

_NO_SECOND = "the second repository does not know it"
A_FULL_BACKUP = "a full backup is there"

_FULL = re.compile(r"\d{8}-\d{6}F")
_SYSTEM = re.compile(r"\d+-\d+")
"""One cluster's life in the archive: PostgreSQL's major and a count."""
_SEGMENTS = re.compile(r"[0-9A-F]{16}")


async def archive(cluster: Cluster, doors: Doors) -> list[Resource]:
    """Whether the stanza is there and at least one segment has arrived."""
    folder = f"{cluster.site.repository(cluster.name)}/archive/{cluster.name}"
    names = await doors.host.list(folder)
    if "archive.info" not in names:
        return []
    for name in names:
        if not _SYSTEM.fullmatch(name):
            continue
        if any(_SEGMENTS.fullmatch(each) for each in await doors.host.list(f"{folder}/{name}")):
            state = "receives segments" if await _second(cluster, doors) else _NO_SECOND
            return [Resource("archive", "archive", {"state": state})]
    return [Resource("archive", "archive", {"state": "no segment has arrived yet"})]


async def _second(cluster: Cluster, doors: Doors) -> bool:
    """Whether the second repository knows the cluster; true where there is none."""
    if cluster.tier.backup.second is None:
        return True
    configuration = cluster.site.cluster(cluster.name) / "conf" / "pgbackrest.conf"
    done = await doors.host.run(
        [
            cluster.installation.pgbackrest,
            f"--config={configuration}",
            "--repo=2",
            "repo-ls",
            f"archive/{cluster.name}",
        ],
        user=cluster.site.os_user,
        check=False,
    )
    return done.exit_code == 0 and "archive.info" in done.text.split()


async def backup(cluster: Cluster, doors: Doors) -> list[Resource]:
    """Whether a complete full backup is in the repository."""
    folder = f"{cluster.site.repository(cluster.name)}/backup/{cluster.name}"
    names = await doors.host.list(folder)
    if "backup.info" not in names:
        return []
    for name in names:
        # The manifest without a suffix is written when everything else is there.
        if _FULL.fullmatch(name) and "backup.manifest" in await doors.host.list(f"{folder}/{name}"):
            return [Resource("backup", "backup", {"state": A_FULL_BACKUP})]
    return [Resource("backup", "backup", {"state": "no complete full backup"})]
