"""Backups, as the platform knows them."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Name, Plane
from holdfast.app import backups

router = APIRouter(prefix="/v1/backups", tags=["backups"])


@router.get("")
async def get_backups(plane: Plane, database: Name | None = None) -> list[dict[str, Any]]:
    """The backups of one database, or of all, newest first."""
    return [asdict(each) for each in await backups.of(plane, database)]
