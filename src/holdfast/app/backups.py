"""Backups as their owners see them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields

from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import Error, NotFound
from holdfast.core.promise import Evidence
from holdfast.store import backups, databases, evidence
from holdfast.store.backups import Backup
from holdfast.workflows.backup import recorded
from holdfast.workflows.planning import doors, stored_cluster


@dataclass(frozen=True, slots=True)
class Known:
    """A backup, and the newest proof that a restore of it works, if there is one."""

    backup: Backup
    proof: Evidence | None

    def to_json(self) -> dict[str, Json]:
        """The stable form of `get backups` and `describe backup`."""
        proof = self.proof
        return {
            **{field.name: getattr(self.backup, field.name) for field in fields(self.backup)},
            "proven_at": proof.at if proof else None,
            "proven_by": proof.id if proof else None,
        }


async def describe(control: Control, name: str, label: str) -> Known:
    """One backup. Raises `NotFound`."""
    found = next((each for each in await of(control, name) if each.backup.label == label), None)
    if found is None:
        raise NotFound(
            f"there is no backup {label!r} of {name}",
            subject=f"backup {name}/{label}",
            hint=f"list them with `holdfast get backups {name}`",
        )
    return found


async def of(control: Control, name: str | None) -> list[Known]:
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
    found: list[Known] = []
    async with store.begin() as connection:
        for each in names:
            proven = await evidence.proven_backups(connection, each)
            found += [
                Known(backup, proven.get(backup.label))
                for backup in await backups.of_database(connection, each)
            ]
    return sorted(found, key=lambda known: known.backup.started_at, reverse=True)


async def _refresh(control: Control, name: str) -> None:
    platform = control.platform
    try:
        await recorded(platform.store, await stored_cluster(platform, name), doors(platform))
    except Error:
        return
