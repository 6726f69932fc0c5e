"""The end of databases that were not meant to stay."""

from __future__ import annotations

from datetime import date
from typing import Literal

from holdfast.app import operations
from holdfast.app.wiring import Control
from holdfast.core.errors import Conflict
from holdfast.core.finding import Finding, Severity
from holdfast.spec.model import DatabaseSpec, DeletionPolicy, Environment
from holdfast.store import alarms
from holdfast.store.databases import Database

ACTOR = "expiry"
_FAMILY = "expiry."


def fate(spec: DatabaseSpec, today: date) -> Literal["stays", "goes", "is told of"]:
    """What becomes of a database by its `expires`, which names its last day.

    It goes by itself where its document says `deletionPolicy: delete`, and never in production.
    """
    if spec.expires is None or spec.expires >= today:
        return "stays"
    disposable = spec.deletion_policy is DeletionPolicy.DELETE
    return "goes" if disposable and spec.environment is not Environment.PRODUCTION else "is told of"


async def look(control: Control, record: Database) -> None:
    """Delete a database whose last day is over, or raise an alarm where nobody said to."""
    spec = DatabaseSpec.from_json(record.spec["database"])
    what = fate(spec, control.platform.clock.now().date())
    found = []
    if what == "is told of":
        found.append(
            Finding(
                "expiry.over",
                Severity.WARNING,
                f"database {spec.name}",
                f"its last day was {spec.expires}, and its deletionPolicy keeps it",
                f"delete it with `holdfast delete {spec.name}`, or write a later date",
            )
        )
    async with control.platform.store.begin() as connection:
        await alarms.settle(connection, spec.name, _FAMILY, found)
    if what != "goes" or not control.settings.schedule:
        return
    try:
        await operations.submit(
            control, "delete", {"mode": "purge"}, database=spec.name, actor=ACTOR,
            refuse_if_busy=True,
        )  # fmt: skip
    except Conflict:
        return  # the next look finds it again
