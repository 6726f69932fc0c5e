"""Look at the archive and the backups, in the repository itself and as the archiver tells."""

from __future__ import annotations

import re

from holdfast.core.change import Resource
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors

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
            return [Resource("archive", "archive", {"state": "receives segments"})]
    return [Resource("archive", "archive", {"state": "no segment has arrived yet"})]


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
