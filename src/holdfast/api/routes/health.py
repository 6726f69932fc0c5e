"""Is it alive? Open to everybody, so it says little."""

from fastapi import APIRouter
from pydantic import BaseModel

import holdfast
from holdfast.api.context import Plane
from holdfast.app import health

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """`ok` means that the control plane and its database answer."""

    status: str
    version: str
    site: str


@router.get("/v1/health")
async def get_health(plane: Plane) -> Health:
    """Whether the control plane works. 503 when its database does not answer."""
    await health.probe(plane)
    return Health(status="ok", version=holdfast.__version__, site=plane.platform.site.id)
