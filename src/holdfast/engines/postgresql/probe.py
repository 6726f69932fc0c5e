"""Ask a cluster's endpoints for a write, as an application would."""

from __future__ import annotations

import asyncio

import psycopg

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import POSTGRES, Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.endpoints import Role, login, uri
from holdfast.engines.postgresql.leadership import WRITE, to_leader
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.spec.model import Synchronous
from holdfast.system import postgresql

SYNCHRONOUS = "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')"


async def takes_writes(cluster: Cluster, doors: Doors, *, deadline_s: float = 60.0) -> None:
    """Return once a commit came back through the direct and the pooled endpoint.

    In a tier with synchronous replicas that is a commit which one of them has. Raises `TimedOut`
    with what the endpoint said last.
    """
    await _a_replica_is_synchronous(cluster, doors, deadline_s)
    await asyncio.gather(
        *(_endpoint(cluster, doors, pooled, deadline_s) for pooled in (False, True))
    )


async def _a_replica_is_synchronous(cluster: Cluster, doors: Doors, deadline_s: float) -> None:
    """In a new cluster, Patroni names the synchronous replicas after they have begun to stream.

    Until then commits wait for nobody, so that one which came back would prove nothing.
    """
    if cluster.tier.synchronous is Synchronous.OFF or len(cluster.nodes) == 1:
        return

    async def outstanding() -> str:
        try:
            connect = await to_leader(cluster, doors)
            async with connect(POSTGRES) as connection:
                cursor = await connection.execute(SYNCHRONOUS)
                row = await cursor.fetchone()
        except (Error, psycopg.Error) as error:
            return str(error).strip().partition("\n")[0]
        return "" if row and row[0] else "no replica is synchronous"

    await until(
        outstanding, doors, deadline_s=deadline_s, what=f"a synchronous replica of {cluster.name}"
    )


async def _endpoint(cluster: Cluster, doors: Doors, pooled: bool, deadline_s: float) -> None:
    as_app = login(cluster, Role.RW)
    password = await doors.login(as_app.password)
    database = cluster.spec.databases[0].name
    target = uri(cluster, as_app.user, password.password, database=database, pooled=pooled)

    async def outstanding() -> str:
        try:
            # PgBouncer refuses start-up options that it does not know, so none are sent.
            connection = await postgresql.connect(
                target, options="" if pooled else "-c lock_timeout=0"
            )
            async with connection:
                await connection.execute(WRITE)
        except (Error, psycopg.Error) as error:
            return str(error).strip().partition("\n")[0]
        return ""

    name = "pooled" if pooled else "direct"
    await until(
        outstanding,
        doors,
        deadline_s=deadline_s,
        what=f"a write through the {name} endpoint of {cluster.name}",
    )
