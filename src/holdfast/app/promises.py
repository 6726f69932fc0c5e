"""What is promised of every database, and how far it is proven."""

from __future__ import annotations

from holdfast.app import scheduler
from holdfast.app.wiring import Control
from holdfast.core.promise import Promise
from holdfast.recovery.promises import Terms, promises
from holdfast.spec.model import ResolvedDatabase, TierSpec
from holdfast.store import databases, evidence
from holdfast.workflows.planning import RETAINED


async def of(control: Control, name: str | None) -> list[Promise]:
    """The promises of one database, or of all that are not deleted. Raises `NotFound`."""
    upcoming = await scheduler.outlook(control, name)
    now = upcoming.now
    found: list[Promise] = []
    async with control.platform.store.begin() as connection:
        records = (
            await databases.every(connection)
            if name is None
            else [await databases.get(connection, name)]
        )
        for record in records:
            if record.phase == RETAINED:
                continue
            terms = _terms(ResolvedDatabase.from_json(record.spec).tier)
            latest = await evidence.latest(connection, record.name, since=record.created_at)
            mine = [each for each in upcoming.entries if each.task.database == record.name]
            found += promises(record.name, terms, latest, now, mine)
    return found


def _terms(tier: TierSpec) -> Terms:
    return Terms(
        rpo_s=tier.rpo_s,
        rto_s=tier.rto_s,
        restore_test_every_s=tier.proofs.restore_test_every_s,
        failover_drill_every_s=tier.proofs.failover_drill_every_s,
        point_in_time_every_s=tier.proofs.point_in_time_every_s,
    )
