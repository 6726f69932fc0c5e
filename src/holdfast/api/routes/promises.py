"""Promises with their latest verdicts."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Name, Plane
from holdfast.app import promises

router = APIRouter(prefix="/v1/promises", tags=["promises"])


@router.get("")
async def get_promises(plane: Plane, database: Name | None = None) -> list[dict[str, Any]]:
    """The promises of one database, or of all; missing evidence is never a pass."""
    return [asdict(each) for each in await promises.of(plane, database)]
