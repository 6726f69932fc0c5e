"""Ask for a restore: as a new database, in place, or back again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

from holdfast.app import operations, tiers
from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Invalid
from holdfast.core.finding import Severity
from holdfast.core.render_findings import count_text
from holdfast.recovery.masking import masking_of
from holdfast.recovery.target import Target, target_of
from holdfast.spec import builtin
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.model import DatabaseSpec, DeletionPolicy, ResolvedDatabase
from holdfast.spec.resolve import Surroundings, resolve
from holdfast.store import databases
from holdfast.store.operations import Operation
from holdfast.workflows.planning import refuse_deleted

OVERRIDES = ("tier", "size", "nodes", "environment", "expires")
"""What a new database may have otherwise than its source."""


async def as_new(
    control: Control,
    name: str,
    new: str | None,
    wanted: Mapping[str, Json],
    *,
    actor: str,
    refuse_if_busy: bool = False,
) -> Operation:
    """Queue a restore of `name` as a new database; without a name, it is given one.

    `wanted` has `target`, `backup`, `mask`, `copy` (the running server instead of a backup) and
    fields that the document shall have otherwise.
    Raises `Invalid` for a document that does not hold.
    """
    target = target_of(wanted.get("target") or {})
    mask = wanted.get("mask")
    if mask is not None:
        masking_of(mask)
    async with control.platform.store.begin() as connection:
        record = await databases.get(connection, name)
        source = ResolvedDatabase.from_json(record.spec)
        taken = {each.name for each in await databases.every(connection)}
    chosen = new or _free_name(name, taken)
    if chosen in taken:
        raise Conflict(
            f"there is a database {chosen} already",
            subject=f"database {chosen}",
            hint="choose another name",
        )
    document = await _resolved(control, _document(source, chosen, wanted))
    request = {
        "mode": "new",
        "source": name,
        "target": target.to_json(),
        "backup": wanted.get("backup"),
        "mask": mask,
        "copy": bool(wanted.get("copy")),
        "document": document.to_json(),
    }
    return await operations.submit(
        control, "restore", request, database=chosen, actor=actor, refuse_if_busy=refuse_if_busy
    )


def _free_name(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}_r{number}" in taken:
        number += 1
    return f"{name}_r{number}"


def _document(source: ResolvedDatabase, name: str, wanted: Mapping[str, Json]) -> DatabaseSpec:
    """The source's document under another name; its logical databases keep theirs."""
    spec = replace(source.spec, name=name, version=source.version, nodes=source.nodes)
    changed = {key: wanted[key] for key in OVERRIDES if wanted.get(key) is not None}
    if "tier" in changed and "nodes" not in changed:
        spec = replace(spec, nodes=None)
    data = {**spec.to_json(), **changed}
    if "expires" in changed:
        # A copy with a last day is there to be thrown away.
        data["deletionPolicy"] = str(DeletionPolicy.DELETE)
    return DatabaseSpec.from_json(data)


async def _resolved(control: Control, spec: DatabaseSpec) -> ResolvedDatabase:
    """The document read like every other one, so that every rule holds for it, too."""
    in_force = await tiers.in_force(control)
    text = json.dumps(spec.to_json())
    known = Surroundings(
        tiers=in_force,
        sizes=builtin.sizes(),
        installed=control.platform.installed(),
        today=control.platform.clock.now().date(),
    )
    found = await asyncio.to_thread(
        lambda: resolve(load([Source(f"the document of {spec.name}", text)]), known)
    )
    faults = [each for each in found.findings if each.severity is Severity.ERROR]
    if faults or not found.databases:
        raise Invalid(f"{count_text(faults)} in the document of {spec.name}", faults)
    return found.databases[0]


async def in_place(
    control: Control,
    name: str,
    plan_id: str,
    *,
    actor: str,
    refuse_if_busy: bool = False,
) -> Operation:
    """Queue the restore that a plan has been made for: an operation of the kind `restore-plan`.

    Raises `Conflict` unless that plan has succeeded, and is this database's.
    """
    plan = await operations.get(control, plan_id)
    if plan.kind != "restore-plan" or plan.database != name or plan.state != "succeeded":
        raise Conflict(
            f"{plan_id} is no complete plan of a restore of {name}",
            subject=f"database {name}",
            hint="make one, and look at what is lost",
        )
    request = {
        "mode": "in-place",
        "target": plan.request["target"],
        "backup": plan.request.get("backup"),
        "plan": plan_id,
    }
    return await operations.submit(
        control, "restore", request, database=name, actor=actor, refuse_if_busy=refuse_if_busy
    )


async def plan(
    control: Control, name: str, target: Target, backup: str | None, *, actor: str
) -> Operation:
    """Queue the look at what a restore in place would lose."""
    await _living(control, name)
    request = {"target": target.to_json(), "backup": backup}
    return await operations.submit(control, "restore-plan", request, database=name, actor=actor)


async def back(
    control: Control, name: str, mode: str, *, actor: str, refuse_if_busy: bool = False
) -> Operation:
    """Queue the way back of the last restore in place (`undo`), or the end of it (`discard`)."""
    await _living(control, name)
    return await operations.submit(
        control, "restore", {"mode": mode}, database=name, actor=actor,
        refuse_if_busy=refuse_if_busy,
    )  # fmt: skip


async def _living(control: Control, name: str) -> None:
    async with control.platform.store.begin() as connection:
        refuse_deleted(await databases.get(connection, name))
