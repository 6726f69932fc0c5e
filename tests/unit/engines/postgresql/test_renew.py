"""A renewal that was interrupted tells the programs all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.files import renew
from holdfast.engines.postgresql.render import node_certificates
from holdfast.engines.postgresql.render_programs import PARTS
from holdfast.system.clock import ManualClock
from holdfast.system.host import Program, program_name
from holdfast.system.memory_host import MemoryHost, completes
from tests.unit.engines.postgresql.clusters import cluster

CLUSTER = cluster()
NODE = CLUSTER.nodes[0]


class Issuer:
    """Finds fault with everything that it has not issued itself."""

    def __init__(self) -> None:
        self.issued: list[str] = []

    def issue(self, common_name: str, addresses: Sequence[str]) -> tuple[bytes, bytes]:
        self.issued.append(common_name)
        return b"new", b"key"

    def fault(
        self, certificate: bytes, key: bytes, common_name: str, addresses: Sequence[str]
    ) -> str:
        return "" if certificate == b"new" else "it ends soon"


async def test_who_died_before_the_signal_sends_it_when_it_comes_again() -> None:
    host, issuer, nothing = MemoryHost(), Issuer(), Any
    host.answers["kill",] = completes()
    for part in PARTS:
        await host.services.ensure(Program(program_name(NODE.name, part), ("x",)))
        await host.services.start(program_name(NODE.name, part))
    for each in node_certificates(NODE):
        await host.make_folder(str(each.path.parent))
        await host.write(f"{each.path}.crt", b"old")
        await host.write(f"{each.path}.key", b"old", mode=0o600)
    doors = Doors(
        host=host, etcd=nothing, patroni=nothing, secrets=nothing, issuer=issuer,
        identity=nothing, clock=ManualClock(), note=lambda _: None,
    )  # type: ignore[arg-type]  # fmt: skip
    await renew(NODE, CLUSTER, doors)
    assert issuer.issued == [each.common_name for each in node_certificates(NODE)]
    told = [asked.argv for asked in host.asked]
    services = await host.services.status()
    assert {argv[:2] for argv in told} == {("kill", "-HUP")}
    assert {argv[2] for argv in told} == {
        str(services[program_name(NODE.name, part)].pid) for part in PARTS if part != "agent"
    }
    # The same again, as who died between the last file and the first signal.
    host.asked.clear()
    await renew(NODE, CLUSTER, doors)
    assert len(issuer.issued) == len(node_certificates(NODE))
    assert sorted(asked.argv for asked in host.asked) == sorted(told)
