"""Operations: ask for one, list them, follow one, cancel one."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.context import Actor, Name, Plane
from holdfast.app import operations

router = APIRouter(prefix="/v1/operations", tags=["operations"])

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class _Model(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Wanted(_Model):
    """An operation to start. `on_conflict` is what to do when the database is busy."""

    kind: str = Field(max_length=64)
    database: Name | None = None
    request: dict[str, Any] = Field(default_factory=dict)
    on_conflict: Literal["wait", "refuse"] = "wait"


class Operation(_Model):
    """One operation. Times are UTC; `error` is set when it failed or was cancelled."""

    id: str
    kind: str
    database: str | None
    request: dict[str, Any]
    state: State
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_requested: bool
    actor: str
    attempts: int


class Step(_Model):
    """One step; `attempts` beyond 1 means that it was interrupted and done again."""

    seq: int
    name: str
    state: Literal["pending", "running", "succeeded", "failed", "cancelled", "skipped"]
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    detail: dict[str, Any]


class Line(_Model):
    """One line of the log; `step` is the place of the step that wrote it."""

    seq: int
    at: datetime
    level: Literal["debug", "info", "warning", "error"]
    text: str
    step: int | None


class Events(_Model):
    """What is new. Ask again after `cursor`."""

    operation: Operation
    steps: list[Step]
    log: list[Line]
    cursor: int


@router.post("", status_code=202)
async def post_operation(wanted: Wanted, plane: Plane, actor: Actor) -> Operation:
    """Queue an operation; it is answered at once, and followed through its events."""
    operation = await operations.submit(
        plane,
        wanted.kind,
        wanted.request,
        database=wanted.database,
        actor=actor,
        refuse_if_busy=wanted.on_conflict == "refuse",
    )
    return Operation.model_validate(operation)


@router.get("")
async def get_operations(
    plane: Plane,
    database: Name | None = None,
    state: Annotated[list[State] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[Operation]:
    """Operations, newest first."""
    found = await operations.recent(plane, database=database, states=state or (), limit=limit)
    return [Operation.model_validate(one) for one in found]


@router.get("/{operation_id}")
async def get_operation(operation_id: str, plane: Plane) -> Operation:
    """One operation."""
    return Operation.model_validate(await operations.get(plane, operation_id))


@router.get("/{operation_id}/events")
async def get_events(
    operation_id: str,
    plane: Plane,
    after: Annotated[int, Query(ge=-1)] = -1,
    wait_s: Annotated[float, Query(ge=0, le=20)] = 20.0,
) -> Events:
    """Steps and log lines after a cursor; waits for something new, up to `wait_s` seconds."""
    found = await operations.events(plane, operation_id, after=after, wait_s=wait_s)
    return Events.model_validate(found)


@router.post("/{operation_id}/cancel", status_code=202)
async def cancel_operation(operation_id: str, plane: Plane) -> Operation:
    """Ask it to stop between two steps."""
    return Operation.model_validate(await operations.cancel(plane, operation_id))
