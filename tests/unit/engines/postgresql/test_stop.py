"""Stopping a whole cluster so that all is archived, and starting it again where that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from holdfast.core.errors import Error
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.stop import stop_cluster
from holdfast.engines.postgresql.render_programs import PARTS
from holdfast.system.clock import ManualClock
from holdfast.system.etcd import Value
from holdfast.system.host import Program, program_name
from holdfast.system.memory_host import MemoryHost, MemoryServices, completes
from tests.unit.engines.postgresql.clusters import cluster

CLUSTER = cluster()
LEADER = CLUSTER.nodes[1]
CONTROLDATA = (f"{CLUSTER.installation.bindir}/pg_controldata",)
CLEAN = "Database cluster state:               shut down\n"


class Keys:
    """Of etcd's keys, the leader's."""

    async def get(self, _key: str) -> Value:
        return Value(LEADER.name, 1)


class Services(MemoryServices):
    """Keeps the order; `stubborn` is a program that does not end."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: list[str] = []
        self.stubborn = ""

    async def stop(self, name: str) -> None:
        if name == self.stubborn:
            raise Error(f"{name} does not end")
        self.stopped.append(name)
        await super().stop(name)


@dataclass
class Rig:
    """A running cluster in memory."""

    host: MemoryHost = field(default_factory=lambda: MemoryHost(services=Services()))
    notes: list[str] = field(default_factory=list)

    @property
    def services(self) -> Services:
        assert isinstance(self.host.services, Services)
        return self.host.services

    async def run(self) -> None:
        for node in CLUSTER.nodes:
            for part in PARTS:
                await self.services.ensure(Program(program_name(node.name, part), ("x",)))
        nothing: Any = None
        doors = Doors(
            host=self.host, etcd=Keys(), patroni=nothing, secrets=nothing, issuer=nothing,
            identity=nothing, clock=ManualClock(), note=self.notes.append,
        )  # type: ignore[arg-type]  # fmt: skip
        await stop_cluster(CLUSTER, {1, 2, 3}, LEADER.name, doors)

    async def states(self) -> set[str]:
        return {status.state for status in (await self.services.status()).values()}


async def test_the_leader_goes_last_and_all_stay_down() -> None:
    rig = Rig()
    rig.host.answers[CONTROLDATA] = completes(CLEAN)
    await rig.run()
    assert await rig.states() == {"stopped"}
    last = set(rig.services.stopped[-len(PARTS) :])
    assert last == {program_name(LEADER.name, part) for part in PARTS}
    assert rig.notes == ["orders-2 is shut down, and everything that it wrote is in the archive"]


@pytest.mark.parametrize(
    ("told", "waiting", "why"),
    [
        ("Database cluster state:               in production\n", "", "was not a clean one"),
        ("Database cluster state:    shut down in recovery\n", "", "was not a clean one"),
        (CLEAN, "00000002000000000000000A.ready", "00000002000000000000000A not archived"),
    ],
)
async def test_after_an_unclean_stop_everything_runs_again(
    told: str, waiting: str, why: str
) -> None:
    rig = Rig()
    rig.host.answers[CONTROLDATA] = completes(told)
    folder = f"{LEADER.paths.data}/pg_wal/archive_status"
    await rig.host.make_folder(folder)
    if waiting:
        await rig.host.write(f"{folder}/{waiting}", b"")
    with pytest.raises(Error, match=why) as caught:
        await rig.run()
    assert "nothing was deleted" in caught.value.hint
    assert await rig.states() == {"running"}


async def test_a_program_that_does_not_end_keeps_the_database() -> None:
    rig = Rig()
    rig.services.stubborn = program_name(LEADER.name, "patroni")
    with pytest.raises(Error, match="orders-2-patroni does not end"):
        await rig.run()
    assert await rig.states() == {"running"}
