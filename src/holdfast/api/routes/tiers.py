"""Tiers: those in force, and new ones."""

from typing import Any

from fastapi import APIRouter

from holdfast.api.context import Actor, Plane
from holdfast.api.routes.plans import Documents
from holdfast.app import tiers

router = APIRouter(prefix="/v1/tiers", tags=["tiers"])


@router.get("")
async def get_tiers(plane: Plane) -> list[dict[str, Any]]:
    """Every tier, built-in ones included, as documents."""
    found = await tiers.in_force(plane)
    return [found[name].to_json() for name in sorted(found)]


@router.put("")
async def put_tiers(documents: Documents, plane: Plane, actor: Actor) -> list[dict[str, Any]]:
    """Take the tiers of these documents over. Databases change when they are applied again."""
    taken = await tiers.take_over(plane, [text.source() for text in documents.sources], actor=actor)
    return [tier.to_json() for tier in taken]
