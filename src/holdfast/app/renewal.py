"""Certificates are renewed while everything runs, when a third of their life is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from holdfast.app import operations
from holdfast.app.wiring import Control
from holdfast.core.errors import Conflict, Error
from holdfast.engines.postgresql.observe_files import due
from holdfast.providers import doors as site_doors
from holdfast.providers import etcd_members
from holdfast.providers.doors import SiteDoors
from holdfast.recovery.schedule import patience
from holdfast.store import attempts, databases
from holdfast.store.attempts import Tried
from holdfast.workflows import renew as workflow
from holdfast.workflows.planning import DELETING, RETAINED, RETAINING, doors, stored_cluster

_log = logging.getLogger(__name__)

_ACTOR = "holdfast"
_RENEW_EVERY_S = 3600.0
_REREAD_EVERY_S = 15.0
_REST = timedelta(days=1)
_AHEAD = timedelta(minutes=1)
_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


async def run(control: Control, site: SiteDoors, readers: Mapping[str, Callable[[], None]]) -> None:
    """For ever: renew what is due, long before it ends, and have our own readers read.

    We look every hour, because a clock that was set wrong needs it soon. The readers read on
    their own time, whoever wrote the files: `holdfast up` renews them, too.
    """
    clock, next_at = control.platform.clock, 0.0
    while True:
        if clock.monotonic() >= next_at:
            await attempt(lambda: renew(control, site))
            next_at = clock.monotonic() + _RENEW_EVERY_S
        reread(readers)
        await clock.sleep(_REREAD_EVERY_S)


async def attempt(renewal: Callable[[], Awaitable[None]]) -> None:
    """Nothing of it ends the control plane: the API matters more than the next hour's attempt."""
    try:
        await renewal()
    except Error as error:
        _log.warning("could not renew certificates: %s", error.message)
    except Exception:  # noqa: BLE001 - see above
        _log.exception("could not renew certificates")


def reread(readers: Mapping[str, Callable[[], None]]) -> None:
    """Have each of them read, whatever befalls the others."""
    for name, read in readers.items():
        try:
            read()
        except (Error, OSError) as error:
            _log.warning("%s goes on with its old certificate: %s", name, error)


async def renew(control: Control, site: SiteDoors) -> None:
    """Renew what is due by the clock of the site's authority.

    The site's own certificates are issued at once: etcd reads them at every handshake, whoever
    called reads the control plane's. Those of a database are an operation on it; while another
    one runs on it, they wait for the next call; after failures, for a later one.
    """
    renewed = await asyncio.to_thread(_own, site)
    for path, reason in renewed.items():
        _log.info("renewed %s: %s", path, reason)
    async with control.platform.store.begin() as connection:
        found = await databases.every(connection)
        now = control.platform.clock.now()
        tried = await attempts.ended(connection, (workflow.KIND,), before=now + _AHEAD)
    for each in found:
        if each.phase in (RETAINED, RETAINING, DELETING):
            continue
        if now < not_before(one for one in tried if one.database == each.name):
            continue
        try:
            await _of_database(control, each.name)
        except Conflict:
            _log.info("certificates of %s are renewed later: it is busy", each.name)
        except Error as error:
            _log.warning("cannot look at the certificates of %s: %s", each.name, error.message)
        except Exception:  # noqa: BLE001 - one database must not keep the others from theirs
            _log.exception("cannot look at the certificates of %s", each.name)


def not_before(tried: Iterable[Tried]) -> datetime:
    """When a database's renewal is tried again: the more often it failed, the later. A day at most.

    A certificate lives for months when it becomes due, and every attempt is an operation.
    """
    failures, last = 0, _LONG_AGO
    for each in sorted(tried, key=lambda one: one.at):
        failures, last = (0, _LONG_AGO) if each.state == "succeeded" else (failures + 1, each.at)
    return last + patience(failures, _REST) if failures else last


def _own(site: SiteDoors) -> dict[str, str]:
    return {
        **site_doors.certify(site),
        **etcd_members.certify(site.site, site.authority),
    }


async def _of_database(control: Control, name: str) -> None:
    cluster = await stored_cluster(control.platform, name)
    engine = doors(control.platform)
    for node in cluster.nodes:
        if await due(node, engine):
            await operations.submit(
                control, workflow.KIND, {}, database=name, actor=_ACTOR, refuse_if_busy=True
            )
            return
