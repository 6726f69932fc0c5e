"""Backups as their owners see them."""

from __future__ import annotations

import asyncio

from holdfast.app.wiring import Control
from holdfast.core.errors import Error
from holdfast.store import backups, databases
from holdfast.store.backups import Backup
from holdfast.workflows.backup import recorded
from holdfast.workflows.planning import doors, stored_cluster


async def of(control: Control, name: str | None) -> list[Backup]:
    """The backups of one database, or of all, newest first. Raises `NotFound`.

    The repository is asked; where it does not answer, the record says what was there last.
    """
    store = control.platform.store
    async with store.begin() as connection:
        if name is not None:
            names = [(await databases.get(connection, name)).name]
        else:
            names = [each.name for each in await databases.every(connection)]
    await asyncio.gather(*(_refresh(control, each) for each in names))
    found: list[Backup] = []
    async with store.begin() as connection:
        for each in names:
            found += await backups.of_database(connection, each)
    return sorted(found, key=lambda backup: backup.started_at, reverse=True)


async def _refresh(control: Control, name: str) -> None:
    platform = control.platform
    try:
        await recorded(platform.store, await stored_cluster(platform, name), doors(platform))
    except Error:
        return
