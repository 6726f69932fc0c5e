"""Certificates are renewed while everything runs, when a third of their life is left."""

from __future__ import annotations

import asyncio
import logging

from holdfast.app import operations
from holdfast.app.wiring import Control
from holdfast.core.errors import Conflict, Error
from holdfast.engines.postgresql.observe_files import due
from holdfast.providers import doors as site_doors
from holdfast.providers import etcd_members
from holdfast.providers.doors import SiteDoors
from holdfast.store import databases
from holdfast.workflows import renew as workflow
from holdfast.workflows.planning import DELETING, RETAINED, RETAINING, doors, stored_cluster

_log = logging.getLogger(__name__)

_ACTOR = "holdfast"


async def renew(control: Control, site: SiteDoors) -> bool:
    """Renew what is due by the clock of the site's authority. True when the site's own was.

    The site's own certificates are issued at once: etcd reads them at every handshake, whoever
    called reads the control plane's. Those of a database are an operation on it; while another
    one runs on it, they wait for the next call.
    """
    renewed = await asyncio.to_thread(_own, site)
    for path, reason in renewed.items():
        _log.info("renewed %s: %s", path, reason)
    async with control.platform.store.begin() as connection:
        found = await databases.every(connection)
    for each in found:
        if each.phase in (RETAINED, RETAINING, DELETING):
            continue
        try:
            await _of_database(control, each.name)
        except Conflict:
            _log.info("certificates of %s are renewed later: it is busy", each.name)
        except Error as error:
            _log.warning("cannot look at the certificates of %s: %s", each.name, error.message)
    return bool(renewed)


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
