"""The site itself: its parts, and the schema of what it reads."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Plane
from holdfast.app import site
from holdfast.spec.schema import schema

router = APIRouter(prefix="/v1", tags=["site"])


@router.get("/status")
async def get_status(plane: Plane) -> list[dict[str, Any]]:
    """Every part of the platform with its health."""
    return [asdict(part) for part in await site.status(plane.settings)]


@router.get("/schema")
async def get_schema() -> dict[str, Any]:
    """The JSON Schema of documents."""
    return schema()
