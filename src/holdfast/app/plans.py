"""From document texts to saved plans: what `plan` shows and `apply` starts from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from holdfast.app import tiers
from holdfast.app.tiers import TierChange
from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.finding import Finding, Severity
from holdfast.core.units import show_duration
from holdfast.spec import builtin
from holdfast.spec.changes import kept, refusals
from holdfast.spec.document import Loaded, Path, Source
from holdfast.spec.load import load
from holdfast.spec.model import ResolvedDatabase, TierSpec
from holdfast.spec.resolve import Resolution, Surroundings, resolve
from holdfast.spec.suggest import nearest
from holdfast.store import databases, plans
from holdfast.store.plans import SavedPlan
from holdfast.workflows.planning import DELETED, RETAINED, planned_together

_KEPT = timedelta(days=30)
"""How long a plan can be looked at and applied."""


@dataclass(frozen=True, slots=True)
class Plans:
    """One saved plan a database, or findings of which at least one is an error and no plan.

    `tiers` says what the tiers among the documents would change, `unconfirmed` names databases
    whose last apply failed.
    """

    plans: tuple[SavedPlan, ...]
    findings: tuple[Finding, ...]
    tiers: tuple[TierChange, ...] = ()
    unconfirmed: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


async def make(control: Control, sources: Sequence[Source]) -> Plans:
    """Read all documents, and plan every database in them unless one has an error.

    Nothing is changed but that the plans are saved. Raises `Transient` when etcd does not answer.
    """
    present = await _present(control)
    in_force = await tiers.in_force(control)
    loaded, resolution = await asyncio.to_thread(_resolved, control, sources, present, in_force)
    findings = [*resolution.findings, *_changed(resolution, present)]
    if control.settings.schedule:
        new = [each for each in resolution.databases if each.name not in present]
        findings += [finding for each in new for finding in drilled(each)]
    findings += await asyncio.to_thread(
        lambda: [
            *_parameter_faults(control, loaded, resolution),
            *_extension_faults(control, loaded, resolution),
        ]
    )
    if any(finding.severity is Severity.ERROR for finding in findings):
        return Plans((), tuple(findings))
    made = await _saved(control, resolution.databases)
    changes = await tiers.changes(control, resolution.tiers)
    return replace(made, findings=(*findings, *made.findings), tiers=changes)


async def recorded(control: Control) -> Plans:
    """Plan every database by the document that was applied last: what has drifted from it.

    Databases that are deleted, or being deleted, are left out.
    """
    async with control.platform.store.begin() as connection:
        found = await databases.every(connection)
    there = [each.spec for each in found if each.phase not in DELETED]
    return await _saved(control, [ResolvedDatabase.from_json(spec) for spec in there])


async def _saved(control: Control, documents: Sequence[ResolvedDatabase]) -> Plans:
    """A saved plan for each of these documents."""
    made = await planned_together(control.platform, documents)
    saved = []
    async with control.platform.store.begin() as connection:
        await plans.prune(connection, control.platform.clock.now() - _KEPT)
        for resolved, each in zip(documents, made, strict=True):
            plan_id = await plans.save(connection, each.plan, resolved.to_json())
            saved.append(await plans.get(connection, plan_id))
    findings = tuple(finding for each in made for finding in each.findings)
    unconfirmed = frozenset(each.cluster.name for each in made if each.unconfirmed)
    return Plans(tuple(saved), findings, unconfirmed=unconfirmed)


async def get(control: Control, plan_id: str) -> SavedPlan:
    """One saved plan. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        return await plans.get(connection, plan_id)


async def _present(control: Control) -> Mapping[str, ResolvedDatabase]:
    async with control.platform.store.begin() as connection:
        found = await databases.every(connection)
    retained = [each.name for each in found if each.phase == RETAINED]
    return {
        each.name: ResolvedDatabase.from_json(each.spec)
        for each in found
        if each.name not in retained
    }


def _resolved(
    control: Control,
    sources: Sequence[Source],
    present: Mapping[str, ResolvedDatabase],
    in_force: Mapping[str, TierSpec],
) -> tuple[Loaded, Resolution]:
    loaded = load(sources)
    known = Surroundings(
        tiers=in_force,
        sizes=builtin.sizes(),
        installed=control.platform.installed(),
        running={name: each.version for name, each in present.items()},
        today=control.platform.clock.now().date(),
    )
    return loaded, resolve(loaded, known)


def _changed(resolution: Resolution, present: Mapping[str, ResolvedDatabase]) -> list[Finding]:
    """What a document cannot change, and what it leaves standing."""
    return [
        finding
        for resolved in resolution.databases
        if resolved.name in present
        for findings in (refusals, kept)
        for finding in findings(
            present[resolved.name], resolved, resolution.locations.get(resolved.name)
        )
    ]


def drilled(resolved: ResolvedDatabase) -> Iterator[Finding]:
    """That the platform will kill the primary again and again, where nobody has to ask for it."""
    every_s, window = resolved.tier.proofs.failover_drill_every_s, resolved.maintenance_window
    if every_s is None or window is None or not resolved.spec.scheduled.drills:
        return
    yield Finding(
        "plan.drilled",
        Severity.NOTICE,
        f"database {resolved.name}",
        f"once in {show_duration(every_s)}, {window} UTC, its primary is killed to prove the "
        f"failover of {resolved.tier.name}",
        "choose the time with `maintenanceWindow`, or write `schedule: {drills: false}`",
    )


def _parameter_faults(
    control: Control, loaded: Loaded, resolution: Resolution
) -> Iterator[Finding]:
    """Parameters that the server program itself does not take."""
    places = {each.name: each.places for each in loaded.documents if each.kind == "Database"}
    for resolved in resolution.databases:
        for name, value in resolved.spec.parameters.items():
            fault = control.platform.parameter_fault(resolved.version, name, value)
            if not fault:
                continue
            yield Finding(
                "parameters.not-taken",
                Severity.ERROR,
                f"database {resolved.name}",
                f"PostgreSQL {resolved.version} does not take {name} = {value}: {fault}",
                f"correct or remove parameters.{name}",
                location=places[resolved.name].value("parameters", name),
            )


def _extension_faults(
    control: Control, loaded: Loaded, resolution: Resolution
) -> Iterator[Finding]:
    """Extensions that are not installed beside the server."""
    documents = {each.name: each for each in loaded.documents if each.kind == "Database"}
    for resolved in resolution.databases:
        known = control.platform.extensions(resolved.version)
        document = documents[resolved.name]
        for name, path in _extensions(document.data) if known else ():
            if name in known:
                continue
            close = nearest(name, sorted(known))
            yield Finding(
                "extensions.not-installed",
                Severity.ERROR,
                f"database {resolved.name}",
                f"the extension {name} is not installed beside PostgreSQL {resolved.version}",
                f"did you mean {close}?" if close else f"install {name}, or remove it",
                location=document.places.value(*path),
            )


def _extensions(data: Mapping[str, Json]) -> Iterator[tuple[str, Path]]:
    """The extensions that a document names, each with its place: for all databases, then each."""
    lists: list[tuple[Path, Json]] = [(("extensions",), data.get("extensions"))]
    for number, each in enumerate(data.get("databases") or ()):
        lists.append((("databases", number, "extensions"), each.get("extensions")))
    for path, found in lists:
        for number, extension in enumerate(found or ()):
            name = extension["name"] if isinstance(extension, dict) else extension
            yield name, (*path, number)
