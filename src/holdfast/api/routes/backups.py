"""Backups, as the platform knows them."""

from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Name, Plane
from holdfast.app import backups

router = APIRouter(prefix="/v1/backups", tags=["backups"])


@router.get("")
async def get_backups(plane: Plane, database: Name | None = None) -> list[dict[str, Any]]:
    """The backups of one database, or of all, newest first."""
    return [each.to_json() for each in await backups.of(plane, database)]


@router.get("/{database}/{label}")
async def get_backup(database: str, label: str, plane: Plane) -> dict[str, Any]:
    """One backup: its chain, its part of the WAL, and the proof that it restores."""
    return (await backups.describe(plane, database, label)).to_json()
