"""The backups that the platform took, as it knows them; the repository is the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.change import Json
from holdfast.store import tables


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup. `size_bytes` is what it restores to, `stored_bytes` what it takes up.

    `kind` is full, diff or incr; `state` is running, complete, failed or expired.
    """

    id: str
    database: str
    label: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None = None
    size_bytes: int | None = None
    stored_bytes: int | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)
    operation_id: str | None = None


async def put(connection: AsyncConnection, backup: Backup) -> None:
    """Record a backup, or what is new about it; database and label name it."""
    values = {
        "id": backup.id,
        "database": backup.database,
        "label": backup.label,
        "kind": backup.kind,
        "state": backup.state,
        "started_at": backup.started_at,
        "finished_at": backup.finished_at,
        "size_bytes": backup.size_bytes,
        "stored_bytes": backup.stored_bytes,
        "detail": dict(backup.detail),
        "operation_id": backup.operation_id,
    }
    fresh = insert(tables.backup).values(values)
    kept = ("id", "database", "label")
    await connection.execute(
        fresh.on_conflict_do_update(
            constraint="backup_label_once",
            set_={name: fresh.excluded[name] for name in values if name not in kept},
        )
    )


async def of_database(connection: AsyncConnection, database: str) -> tuple[Backup, ...]:
    """All backups of one database, newest first."""
    query = (
        sa.select(tables.backup)
        .where(tables.backup.c.database == database)
        .order_by(tables.backup.c.started_at.desc())
    )
    return tuple(Backup(*row) for row in await connection.execute(query))


async def remove_all(connection: AsyncConnection, database: str) -> int:
    """Forget the backups of one database; how many there were."""
    statement = sa.delete(tables.backup).where(tables.backup.c.database == database)
    return (await connection.execute(statement)).rowcount
