"""Databases: list, describe, the way in, logs, the end."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from holdfast.api.context import Actor, Name, Plane
from holdfast.api.routes.operations import Operation
from holdfast.app import databases, logs

router = APIRouter(prefix="/v1/databases", tags=["databases"])


@router.get("")
async def get_databases(plane: Plane) -> list[dict[str, Any]]:
    """Every database with its nodes and endpoints."""
    return [each.to_json() for each in await databases.every(plane)]


@router.get("/{name}")
async def get_database(name: Name, plane: Plane) -> dict[str, Any]:
    """One database with its nodes and endpoints."""
    return (await databases.describe(plane, name)).to_json()


@router.get("/{name}/parameters")
async def get_parameters(name: Name, plane: Plane) -> list[dict[str, Any]]:
    """The parameter baseline, each value with its reason and source."""
    return [asdict(each) for each in await databases.parameters(plane, name)]


@router.get("/{name}/dsn")
async def get_dsn(
    name: Name,
    plane: Plane,
    actor: Actor,
    role: str = "rw",
    pooled: bool = False,
    database: str | None = None,
) -> dict[str, str]:
    """A libpq URI with its password. Who got it is recorded as evidence."""
    found = await databases.dsn(
        plane, name, role=role, pooled=pooled, database=database, actor=actor
    )
    return {"dsn": found}


@router.get("/{name}/logs")
async def get_logs(
    name: Name,
    plane: Plane,
    node: str | None = None,
    program: str | None = None,
    lines: Annotated[int, Query(ge=1, le=10_000)] = 20,
) -> list[dict[str, Any]]:
    """The last lines of the newest log of each program of each node."""
    found = await logs.tails(plane, name, node=node, program=program, lines=lines)
    return [asdict(each) for each in found]


@router.delete("/{name}", status_code=202)
async def delete_database(
    name: Name,
    plane: Plane,
    actor: Actor,
    mode: Literal["retain-data", "purge"] | None = None,
    on_conflict: Literal["wait", "refuse"] = "wait",
) -> Operation:
    """Queue the deletion. Without a mode it is refused where the document says `retain`."""
    operation = await databases.delete(
        plane, name, mode=mode, actor=actor, refuse_if_busy=on_conflict == "refuse"
    )
    return Operation.model_validate(operation)
