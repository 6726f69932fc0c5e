"""Alarms: what is wrong with databases now."""

from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Plane
from holdfast.app import databases

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])


@router.get("")
async def get_alarms(plane: Plane, database: str | None = None) -> list[dict[str, Any]]:
    """What is wrong now with one database, or with any, oldest first."""
    return await databases.open_alarms(plane, database)
