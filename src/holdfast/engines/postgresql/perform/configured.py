"""Wait until a node runs with the configuration that it was given."""

from __future__ import annotations

import contextlib

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe_node import observe_member, settings, waits_for
from holdfast.engines.postgresql.observe_parameters import running_parameters
from holdfast.engines.postgresql.perform.waiting import until

NUDGE_S = 0.25


async def nudge(cluster: Cluster, node: Node, doors: Doors) -> None:
    """Have the node's Patroni look now instead of at its next round.

    Setting a value to what it is writes nothing, and wakes Patroni up.
    """
    with contextlib.suppress(Error):
        operator = await doors.operator(node)
        await operator.patch_config(node.address, {"loop_wait": cluster.tier.timing.loop_wait_s})


async def configured(cluster: Cluster, node: Node, doors: Doors) -> None:
    """Return once every parameter is in force on the node, or waits for a restart.

    What ALTER SYSTEM has set is not waited for: only `member` undoes that.
    """

    async def outstanding() -> str:
        running = await running_parameters(cluster, node, doors)
        if running is None:
            return "its server does not answer"
        by_hand = settings(await doors.host.read(str(node.paths.data / "postgresql.auto.conf")))
        told = {*by_hand, *waits_for(await observe_member(node, doors), running)}
        left = [f"{name} is {said}" for name, said in running.deviating.items() if name not in told]
        if left:
            await nudge(cluster, node, doors)
        return ", ".join(left)

    await until(
        outstanding,
        doors,
        deadline_s=60.0,
        what=f"the new configuration on {node.name}",
        hint=f"read {node.paths.log}/patroni.log",
        every_s=NUDGE_S,
    )


async def rounds(cluster: Cluster, node: Node, doors: Doors) -> None:
    """Return once the node's Patroni has been through a whole round that began after this call.

    For what cannot be seen otherwise: that it has forgotten something. Patroni tells the second
    in which a round began, so the third one seen means that the second has ended.
    """
    seen: set[object] = set()

    async def outstanding() -> str:
        with contextlib.suppress(Error):
            status = await doors.patroni.status(node.address)
            seen.add(status.get("dcs_last_seen"))
        await nudge(cluster, node, doors)
        return "" if len(seen) >= 3 else f"{len(seen)} rounds began"

    await until(
        outstanding,
        doors,
        deadline_s=60.0,
        what=f"a round of patroni on {node.name}",
        hint=f"read {node.paths.log}/patroni.log",
        every_s=NUDGE_S,
    )
