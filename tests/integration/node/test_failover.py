"""The leader changes, as planned or not, and clients of the poolers see a pause at most.

How long it is, the benchmark says: here the machine may be busy with other tests.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import ExitStack

from tests.integration.node.ledger import Ledger
from tests.integration.node.rig import PREFIX, Rig


async def test_a_planned_switchover_fails_no_statement(rig: Rig) -> None:
    leader = await rig.leader()
    with ExitStack() as stack:
        ledgers = [stack.enter_context(Ledger(rig.dsn(node))) for node in rig.nodes]
        async with rig.order(leader, "planned"):
            await rig.all_report(state="paused", operation="planned")
            await rig.switchover(leader)
            await rig.all_report(state="running", operation="planned")
        done = time.monotonic()
        for ledger in ledgers:
            await asyncio.to_thread(ledger.wait_for_write, done)
    assert (await rig.leader()).name != leader.name
    for ledger in ledgers:
        assert ledger.failed == []
        assert ledger.lost(rig.dsn(await rig.leader())) == set()
    await rig.all_report(state="running", operation="", target=(await rig.leader()).name)


async def test_a_killed_postmaster_costs_what_was_under_way_at_most(rig: Rig) -> None:
    leader = await rig.leader()
    with ExitStack() as stack:
        ledgers = [stack.enter_context(Ledger(rig.dsn(node))) for node in rig.nodes]
        postmaster = leader.postmaster()
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        killed = time.monotonic()
        await asyncio.sleep(0.5)
        for ledger in ledgers:
            await asyncio.to_thread(ledger.wait_for_write, killed + 0.5)
    await rig.settled()
    for ledger in ledgers:
        assert len(ledger.failed) <= 2, ledger.failed
        assert ledger.lost(rig.dsn(rig.nodes[0])) == set()


async def test_clients_of_a_leader_that_hangs_are_cut_when_there_is_another(rig: Rig) -> None:
    """A host that keeps its connections open and says nothing."""
    leader = await rig.leader()
    with ExitStack() as stack:
        ledgers = [stack.enter_context(Ledger(rig.dsn(node))) for node in rig.nodes]
        rig.signal_database(leader, signal.SIGSTOP)
        try:
            await asyncio.sleep(1)
            async with rig.client() as client:
                await client.delete(f"{PREFIX}leader")
            while await rig.leader_name() in (None, leader.name):
                await asyncio.sleep(0.05)
            known = time.monotonic()
            for ledger in ledgers:
                await asyncio.to_thread(ledger.wait_for_write, known)
        finally:
            rig.signal_database(leader, signal.SIGCONT)
    for ledger in ledgers:
        assert len(ledger.failed) <= 2, ledger.failed
    await rig.settled()
    for ledger in ledgers:
        assert ledger.lost(rig.dsn(rig.nodes[0])) == set()
