"""What stands in etcd: the cluster's user, and Patroni's dynamic configuration."""

from __future__ import annotations

import asyncio
import json

from holdfast.core.change import Change
from holdfast.core.errors import Conflict, Error
from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.cluster import Cluster, Node, etcd_password
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe_node import observe_member, rules
from holdfast.engines.postgresql.parameters import same_value
from holdfast.engines.postgresql.perform.restart import rolling_restart
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.render_patroni import dynamic_configuration


async def etcd_user_and_role(change: Change, cluster: Cluster, doors: Doors) -> None:
    """A user that sees the cluster's own keys, and no other cluster's."""
    user = etcd_user(cluster.name)
    password = await doors.secrets.ensure(etcd_password(cluster.name))
    await doors.etcd.ensure_role(user, prefix=etcd_prefix(cluster.name))
    await doors.etcd.ensure_user(user, password, roles=(user,))


async def configuration(change: Change, cluster: Cluster, doors: Doors) -> None:
    """Put the dynamic configuration, wait until every node has it, restart what needs it.

    Before the first start it is simply put: Patroni takes it over when it creates the cluster.
    """
    wanted = dynamic_configuration(cluster)
    await _put(cluster, wanted, doors)
    if await doors.etcd.get(f"{etcd_prefix(cluster.name)}initialize") is None:
        return
    running = [node for node in cluster.nodes if (await observe_member(node, doors)).role]
    await asyncio.gather(*(_taken_over(node, wanted["postgresql"], doors) for node in running))
    await rolling_restart(cluster, doors)


async def _put(cluster: Cluster, wanted: dict[str, object], doors: Doors) -> None:
    key = f"{etcd_prefix(cluster.name)}config"
    for _ in range(5):
        present = await doors.etcd.get(key)
        if present is not None and json.loads(present.value) == wanted:
            return
        revision = present.mod_revision if present else 0
        if await doors.etcd.compare_and_put(key, json.dumps(wanted), mod_revision=revision):
            return
    raise Conflict(
        f"somebody else keeps changing the dynamic configuration of {cluster.name}",
        subject=f"database {cluster.name}",
        hint="stop the other writer, then apply again",
    )


async def _taken_over(node: Node, postgresql: dict[str, object], doors: Doors) -> None:
    """Wait until each parameter is in force or waits for a restart, and the HBA file is there."""

    async def outstanding() -> str:
        hba = rules(await doors.host.read(str(node.paths.data / "pg_hba.conf")))
        if hba != postgresql["pg_hba"]:
            return "pg_hba.conf"
        try:
            return await _outstanding(node, dict(postgresql["parameters"]), doors)  # type: ignore[call-overload]
        except Error as error:
            return error.message

    await until(
        outstanding,
        doors,
        deadline_s=60.0,
        what=f"the new configuration on {node.name}",
    )


async def _outstanding(node: Node, parameters: dict[str, str], doors: Doors) -> str:
    async with doors.connect(node) as connection:
        rows = await connection.execute(
            "select name, setting, unit, vartype, pending_restart from pg_settings"
            " where name = any(%s)",
            [list(parameters)],
        )
        for name, setting, unit, vartype, pending in await rows.fetchall():
            if not pending and not same_value(name, parameters[name], setting, unit, vartype):
                return f"parameter {name}"
    return ""
