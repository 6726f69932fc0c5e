"""Secrets that somebody gives the platform. Values come in, and are never shown."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.context import Plane
from holdfast.app import given_secrets

router = APIRouter(prefix="/v1/secrets", tags=["secrets"])


class Value(BaseModel):
    """A secret's value: one line of text."""

    model_config = ConfigDict(extra="forbid")

    value: str = Field(max_length=4096)


@router.get("")
async def get_secrets(plane: Plane) -> list[dict[str, Any]]:
    """The names of given secrets, with version and age."""
    return await given_secrets.every(plane)


@router.put("/{name}", status_code=204)
async def put_secret(name: str, value: Value, plane: Plane) -> None:
    """Keep a secret, or another value for it."""
    await given_secrets.put(plane, name, value.value)
