"""What happened to a node's poolers or to its agent behind the agent's back is put right."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from pathlib import Path

import psycopg

from tests.integration.node.ledger import Ledger
from tests.integration.node.rig import Rig, until

RSS_BOUND_KIB = 45 * 1024
CPU_BOUND = 0.1
"""Of one core. The aim is 0.005 and has its benchmark; a loop that never sleeps takes all of it."""


async def test_an_include_file_edited_by_hand_is_mended(rig: Rig) -> None:
    leader = await rig.leader()
    node = next(node for node in rig.nodes if node is not leader)
    file = node.run / "rw.databases.ini"
    right = file.read_text()
    file.write_text("[databases]\nshop = host=127.0.0.1 port=1 dbname=shop\n")
    await until(lambda: _reads(file, right), "the file as it was", 10)
    await until(lambda: rig.leads(node, 6432, False), "the way to the leader", 10)


async def test_a_removed_include_file_is_written_again(rig: Rig) -> None:
    file = rig.nodes[0].run / "ro.databases.ini"
    right = file.read_text()
    file.unlink()
    await until(lambda: _reads(file, right), "the file as it was", 10)


async def test_a_killed_pooler_leads_to_the_leader_when_it_is_back(rig: Rig) -> None:
    node = rig.nodes[0]
    rig.end(node, "pooler-rw")
    rig.start_pooler(node, "rw")
    await until(lambda: rig.leads(node, 6432, False), "the way to the leader", 10)


async def test_an_agent_that_is_told_to_stop_does_so_and_nobody_notices(rig: Rig) -> None:
    node = rig.nodes[0]
    with Ledger(rig.dsn(node)) as ledger:
        rig.end(node, "agent", signal.SIGTERM)
        ledger.wait_for_write(time.monotonic())
    assert ledger.failed == []


async def test_an_agent_killed_during_a_pause_goes_on_where_it_was(rig: Rig) -> None:
    leader = await rig.leader()
    with Ledger(rig.dsn(rig.nodes[0])) as ledger:
        async with rig.order(leader, "killed"):
            await rig.all_report(state="paused", operation="killed")
            for node in rig.nodes:
                rig.end(node, "agent")
        ended = time.monotonic()
        for node in rig.nodes:
            rig.start_agent(node)
        await asyncio.to_thread(ledger.wait_for_write, ended)
    assert ledger.failed == []


async def test_a_pooler_restarted_during_a_pause_holds_its_clients_again(rig: Rig) -> None:
    leader, node = await rig.leader(), rig.nodes[0]
    async with rig.order(leader, "restarted"):
        await rig.all_report(state="paused", operation="restarted")
        rig.end(node, "pooler-rw")
        rig.start_pooler(node, "rw")
        await asyncio.sleep(4)
        assert (await rig.reports())[node.name]["state"] == "paused"
        assert not await rig.leads(node, 6432, False)


async def test_a_long_transaction_is_reported_and_the_order_called_off(rig: Rig) -> None:
    leader, node = await rig.leader(), rig.nodes[0]
    with psycopg.connect(rig.dsn(node), prepare_threshold=None) as connection:
        connection.execute("SELECT 1")
        async with rig.order(leader, "blocked"):
            reports = rig.reports

            async def blocked() -> bool:
                report = (await reports())[node.name]
                return report["state"] == "pausing" and report["blockers"] == 1

            await until(blocked, "a report of one blocker", 5)
            assert connection.execute("SELECT 2").fetchone() == (2,)
        connection.commit()
    await until(lambda: rig.leads(node, 6432, False), "clients go on", 5)


async def test_a_login_during_a_pause_waits(rig: Rig) -> None:
    leader, node = await rig.leader(), rig.nodes[0]
    answers: list[object] = []

    def log_in() -> None:
        with psycopg.connect(rig.dsn(node), prepare_threshold=None) as connection:
            answers.append(connection.execute("SELECT 1").fetchone())

    client = threading.Thread(target=log_in)
    async with rig.order(leader, "login"):
        await rig.all_report(state="paused", operation="login")
        client.start()
        await asyncio.sleep(1)
        assert answers == []
    await asyncio.to_thread(client.join, 10)
    assert answers == [(1,)]


async def test_without_etcd_writes_go_on(rig: Rig) -> None:
    with Ledger(rig.dsn(rig.nodes[0])) as ledger:
        rig.etcd.send_signal(signal.SIGSTOP)
        try:
            log = rig.nodes[0].root / "agent.log"
            await until(lambda: _says(log, "etcd does not answer"), "an agent that notices", 40)
            await asyncio.to_thread(ledger.wait_for_write, time.monotonic())
        finally:
            rig.etcd.send_signal(signal.SIGCONT)
    assert ledger.failed == []


async def test_a_changed_configuration_is_read_by_the_same_process(rig: Rig) -> None:
    node = rig.nodes[0]
    pid, file = node.processes["agent"].pid, node.root / "conf" / "node.json"
    file.write_text(file.read_text())
    await until(lambda: _says(node.root / "agent.log", "starting anew"), "a new start", 10)
    assert node.processes["agent"].pid == pid
    assert node.processes["agent"].poll() is None
    await until(lambda: rig.leads(node, 6432, False), "the way to the leader", 10)


async def test_an_idle_agent_costs_next_to_nothing(rig: Rig) -> None:
    before = [_cpu_ticks(node.processes["agent"].pid) for node in rig.nodes]
    await asyncio.sleep(6)
    for node, ticks in zip(rig.nodes, before, strict=True):
        pid = node.processes["agent"].pid
        assert (_cpu_ticks(pid) - ticks) / 100 / 6 < CPU_BOUND
        assert _rss_kib(pid) < RSS_BOUND_KIB


async def _reads(file: Path, text: str) -> bool:
    return file.exists() and file.read_text() == text


async def _says(file: Path, text: str) -> bool:
    return text in file.read_text()


def _cpu_ticks(pid: int) -> int:
    return sum(int(each) for each in Path(f"/proc/{pid}/stat").read_text().split()[13:15])


def _rss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
