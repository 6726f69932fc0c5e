"""The site's etcd comes up, also when a member has lost its data."""

from __future__ import annotations

import asyncio
import contextlib

from holdfast.app.site_programs import ensure_running, or_log
from holdfast.core.errors import Error, Transient
from holdfast.providers import etcd_members
from holdfast.providers.doors import SiteDoors
from holdfast.system.etcd import EtcdClient


async def bring_up(doors: SiteDoors) -> None:
    """Start the members, readmit those whose data are gone, and demand users.

    Raises `Error` when too many have lost their data for the rest to go on.
    """
    site = doors.site
    lost = await asyncio.to_thread(_lost, doors)
    await asyncio.to_thread(etcd_members.prepare, site, doors.authority)
    for member in etcd_members.MEMBERS:
        if member not in lost:
            await ensure_running(doors, etcd_members.program(site, member))
    async with doors.etcd() as client:
        for member in lost:
            await _readmit(doors, client, member)
        await _wait_healthy(doors, client)
    credentials = await asyncio.to_thread(doors.etcd_credentials)
    await etcd_members.secure(site, doors.etcd_identity, credentials)
    await asyncio.to_thread(etcd_members.note_complete, site)


def keep_blank_ones_down(doors: SiteDoors) -> None:
    """Before a supervisor starts: have it leave members alone that have no data to start with."""
    for member in etcd_members.lost(doors.site):
        name = etcd_members.program_of(member)
        if doors.supervisor.outlived(name) is None:
            doors.supervisor.undefine(name)


def _lost(doors: SiteDoors) -> tuple[int, ...]:
    lost = etcd_members.lost(doors.site)
    # One whose files were removed under it still knows everything until it ends.
    blank = [
        member
        for member in lost
        if doors.supervisor.outlived(etcd_members.program_of(member)) is None
    ]
    if len(blank) == len(etcd_members.MEMBERS):
        etcd_members.begin_anew(doors.site)
        return ()
    if len(blank) * 2 > len(etcd_members.MEMBERS):
        names = " and ".join(etcd_members.program_of(member) for member in blank)
        raise Error(
            f"{names} have lost their data, and what is left is no majority",
            subject="etcd",
            hint=f"put a copy of {doors.site.home / 'etcd'} back; without one, run holdfast down, "
            "remove that folder, run holdfast up, and apply the documents of all databases again",
        )
    return lost


async def _readmit(doors: SiteDoors, client: EtcdClient, member: int) -> None:
    program = etcd_members.program(doors.site, member)
    with contextlib.suppress(Transient):
        await doors.supervisor.stop(program.name)
    await etcd_members.readmit(doors.site, client, member)
    await ensure_running(doors, program)
    await _wait_healthy(doors, client)


async def _wait_healthy(doors: SiteDoors, client: EtcdClient) -> None:
    first = etcd_members.program_of(1)
    await or_log(doors, first, etcd_members.wait_healthy(client))
