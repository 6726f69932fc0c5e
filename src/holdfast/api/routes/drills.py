"""Drills: which there are, what a run has left."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.api.context import Plane
from holdfast.app import drills

router = APIRouter(prefix="/v1/drills", tags=["drills"])


@router.get("")
async def get_drills() -> list[dict[str, Any]]:
    """Every drill as it is declared."""
    return drills.declared()


@router.get("/{operation_id}")
async def get_drill(operation_id: str, plane: Plane) -> dict[str, Any]:
    """What the drill of this operation has shown: verdict, checks and figures."""
    return await drills.run(plane, operation_id)


@router.get("/{operation_id}/raw")
async def get_drill_raw(operation_id: str, plane: Plane) -> Response:
    """Every write, read and row of the run; its evidence names the SHA-256 of this answer."""
    return Response(await drills.raw(plane, operation_id), media_type="application/json")
