"""Backups as their owners see them."""

from __future__ import annotations

from holdfast.app.wiring import Control
from holdfast.store import backups, databases
from holdfast.store.backups import Backup


async def of(control: Control, name: str | None) -> list[Backup]:
    """The backups of one database, or of all, newest first. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        if name is not None:
            names = [(await databases.get(connection, name)).name]
        else:
            names = [each.name for each in await databases.every(connection)]
        found: list[Backup] = []
        for each in names:
            found += await backups.of_database(connection, each)
    return sorted(found, key=lambda backup: backup.started_at, reverse=True)
