"""Restores: as a new database, in place after a plan, and back again."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.context import Actor, Plane
from holdfast.api.routes.operations import Operation
from holdfast.app import restores
from holdfast.recovery.target import target_of

router = APIRouter(prefix="/v1/databases", tags=["restores"])


class Point(BaseModel):
    """Where recovery shall end; without a timeline, on the one that the database is on."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["latest", "time", "lsn", "name", "xid"] = "latest"
    value: str = Field(default="", max_length=200)
    timeline: int | None = Field(default=None, ge=1)


class New(BaseModel):
    """A restore as a new database. With `copy_running`, of the server as it runs, without a backup.

    The fields from `tier` on are what its document has otherwise.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=63)
    target: Point = Field(default_factory=Point)
    backup: str | None = Field(default=None, max_length=64)
    mask: dict[str, Any] | None = None
    copy_running: bool = False
    tier: str | None = Field(default=None, max_length=63)
    size: str | None = Field(default=None, max_length=63)
    nodes: int | None = Field(default=None, ge=1)
    environment: str | None = Field(default=None, max_length=63)
    expires: str | None = Field(default=None, max_length=10)
    on_conflict: Literal["wait", "refuse"] = "wait"


class Planned(BaseModel):
    """What a restore in place would lose, for this target."""

    model_config = ConfigDict(extra="forbid")

    target: Point
    backup: str | None = Field(default=None, max_length=64)


class InPlace(BaseModel):
    """Do what was planned. `plan` is the id of a restore-plan that has succeeded."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=64)
    on_conflict: Literal["wait", "refuse"] = "wait"


class Back(BaseModel):
    """`undo` brings back what the last restore in place replaced, `discard` removes it."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["undo", "discard"]
    on_conflict: Literal["wait", "refuse"] = "wait"


@router.post("/{name}/restore", status_code=202)
async def post_restore(name: str, wanted: New, plane: Plane, actor: Actor) -> Operation:
    """Queue a restore as a new database; the operation is the new one's."""
    given = wanted.model_dump(exclude={"name", "on_conflict", "copy_running"})
    given["copy"] = wanted.copy_running
    operation = await restores.as_new(
        plane, name, wanted.name, given, actor=actor,
        refuse_if_busy=wanted.on_conflict == "refuse",
    )  # fmt: skip
    return Operation.model_validate(operation)


@router.post("/{name}/restore-plan", status_code=202)
async def post_restore_plan(name: str, wanted: Planned, plane: Plane, actor: Actor) -> Operation:
    """Queue the look at what a restore in place would lose. Changes nothing."""
    target = target_of(wanted.target.model_dump())
    operation = await restores.plan(plane, name, target, wanted.backup, actor=actor)
    return Operation.model_validate(operation)


@router.post("/{name}/restore-in-place", status_code=202)
async def post_restore_in_place(
    name: str, wanted: InPlace, plane: Plane, actor: Actor
) -> Operation:
    """Queue a restore in place that was planned before."""
    operation = await restores.in_place(
        plane, name, wanted.plan, actor=actor, refuse_if_busy=wanted.on_conflict == "refuse"
    )
    return Operation.model_validate(operation)


@router.post("/{name}/restore-back", status_code=202)
async def post_restore_back(name: str, wanted: Back, plane: Plane, actor: Actor) -> Operation:
    """Queue the way back of the last restore in place, or let what it kept go."""
    operation = await restores.back(
        plane, name, wanted.mode, actor=actor, refuse_if_busy=wanted.on_conflict == "refuse"
    )
    return Operation.model_validate(operation)
