"""The tiers in force on a site: the built-in ones, and what the site has made its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.app.wiring import Control
from holdfast.core.errors import Invalid
from holdfast.core.finding import Severity
from holdfast.core.render_findings import count_text
from holdfast.evidence.leaf import Record
from holdfast.spec import builtin
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.model import TierSpec
from holdfast.store import databases, evidence, tiers


@dataclass(frozen=True, slots=True)
class TierChange:
    """What taking a tier over would mean; `databases` are those that were applied with it.

    They keep the promises that they have until their own documents are applied again.
    """

    tier: TierSpec
    action: Literal["create", "update", "none"]
    databases: tuple[str, ...]


async def in_force(control: Control) -> Mapping[str, TierSpec]:
    """Every tier by name."""
    async with control.platform.store.begin() as connection:
        return {**builtin.tiers(), **await tiers.every(connection)}


async def changes(control: Control, wanted: Sequence[TierSpec]) -> tuple[TierChange, ...]:
    """What the tiers of some documents would change."""
    present = await in_force(control)
    async with control.platform.store.begin() as connection:
        applied = await databases.every(connection)
    found = []
    for tier in wanted:
        old = present.get(tier.name)
        users = tuple(each.name for each in applied if each.spec["tier"]["name"] == tier.name)
        action: Literal["create", "update", "none"] = (
            "create" if old is None else "none" if old == tier else "update"
        )
        found.append(TierChange(tier, action, users))
    return tuple(found)


async def take_over(
    control: Control, sources: Sequence[Source], *, actor: str
) -> tuple[TierSpec, ...]:
    """Record every tier of the documents, as evidence too.

    Raises `Invalid` with all findings when one is wrong.
    """
    loaded = load(sources)
    if any(finding.severity is Severity.ERROR for finding in loaded.findings):
        raise Invalid(f"{count_text(loaded.findings)} in the documents", loaded.findings)
    found = tuple(each.spec for each in loaded.documents if isinstance(each.spec, TierSpec))
    async with control.platform.store.begin() as connection:
        for tier in found:
            await tiers.put(connection, tier)
        await evidence.append(connection, [_fact(control, tier, actor) for tier in found])
    return found


def _fact(control: Control, tier: TierSpec, actor: str) -> Record:
    return Record(
        id=f"tier-{secrets.token_hex(8)}",
        kind="tier",
        at=control.platform.clock.now(),
        actor=actor,
        measured={"tier": tier.to_json()},
    )
