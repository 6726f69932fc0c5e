"""Look at every archive again and again, raise alarms, and begin anew once a gap is mended."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from holdfast.app import expiry, operations
from holdfast.app.wiring import Control
from holdfast.core.errors import Conflict, Error
from holdfast.engines.postgresql.observe_archiving import observe_archiving
from holdfast.recovery.archive_health import MENDED, findings, out_of_sight, wants_backup
from holdfast.store import alarms, databases
from holdfast.store.databases import Database
from holdfast.workflows.planning import doors, stored_cluster

_log = logging.getLogger(__name__)

EVERY_S = 20.0
"""A fault is an alarm within a minute: the archiver tries three times first."""
_SHARE = 0.25
"""Of its own time: large repositories take longer to list, and are looked at less often."""
_AT_ONCE = 4
_FAMILY = "archive."
ACTOR = "archive-watch"


async def watch(control: Control) -> None:
    """Never returns; an error of one round is no reason to miss the next."""
    while True:
        begun = control.platform.clock.monotonic()
        try:
            await _round(control)
        except Error as error:
            _log.warning("the archives could not be looked at: %s", error.message)
        except Exception:  # noqa: BLE001 - nobody else looks
            _log.exception("a look at the archives failed")
        spent_s = control.platform.clock.monotonic() - begun
        await asyncio.sleep(max(EVERY_S, spent_s / _SHARE))


async def _round(control: Control) -> None:
    async with control.platform.store.begin() as connection:
        ready = [each for each in await databases.every(connection) if each.phase == "ready"]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(record: Database) -> None:
        async with turn:
            try:
                await look(control, record.name)
                await expiry.look(control, record)
            except Error as error:
                _log.warning("%s could not be looked at: %s", record.name, error.message)

    await asyncio.gather(*(one(record) for record in ready))


async def look(control: Control, name: str) -> None:
    """One look at one archive, with all that follows from it."""
    platform = control.platform
    cluster = await stored_cluster(platform, name)
    seen = await observe_archiving(cluster, doors(platform))
    timeout_s = cluster.tier.backup.archive_timeout_s
    found = findings(name, seen, archive_timeout_s=timeout_s)
    async with platform.store.begin() as connection:
        await alarms.keep_look(connection, name, seen.to_json())
        began = await alarms.settle(connection, name, _FAMILY, found, unseen=out_of_sight(seen))
        mended_at = await alarms.last_end(connection, name, MENDED)
    for each in found:
        if each.id in began:
            _log.warning("%s of %s: %s", each.id, name, each.message)
    kind = wants_backup(seen, mended_at)
    may = control.settings.schedule and cluster.spec.scheduled.backups
    if kind is not None and may and not await _tried_in_vain(control, name, mended_at):
        await _back_up(control, name, kind)


async def _tried_in_vain(control: Control, name: str, mended_at: datetime | None) -> bool:
    """Whether our last backup failed a moment ago: a lasting fault is no reason for a hundred.

    One that failed before the fault was mended says nothing.
    """
    for each in await operations.recent(control, database=name, limit=5):
        if each.actor != ACTOR or each.finished_at is None or each.state == "succeeded":
            continue
        if mended_at is not None and each.finished_at < mended_at:
            return False
        age_s = (control.platform.clock.now() - each.finished_at).total_seconds()
        return age_s < 600
    return False


async def _back_up(control: Control, name: str, kind: str) -> None:
    request = {"kind": kind}
    try:
        operation = await operations.submit(
            control, "backup", request, database=name, actor=ACTOR, refuse_if_busy=True
        )
    except Conflict:
        return  # what runs may be that very backup; the next look tells
    _log.warning("operation %s backs up %s (%s)", operation.id, name, kind)
