"""What the platform will start by itself, and when."""

from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Name, Plane
from holdfast.app import scheduler

router = APIRouter(prefix="/v1/schedule", tags=["schedule"])


@router.get("")
async def get_schedule(plane: Plane, database: Name | None = None) -> list[dict[str, Any]]:
    """What recurs for one database, or for all, the next one first."""
    return (await scheduler.outlook(plane, database)).to_json()
