"""Databases as their users see them: a list, a description, the way in, the end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.app import operations
from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error, NotFound, Refused
from holdfast.core.layout import POOL_RO_PORT, POOL_RW_PORT, POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.endpoints import login, uri
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.observe_node import Member
from holdfast.engines.postgresql.parameters import Parameter
from holdfast.engines.postgresql.render_patroni import cluster_parameters
from holdfast.engines.postgresql.topology import topology
from holdfast.evidence.leaf import Record
from holdfast.spec.model import DeletionPolicy, ResolvedDatabase
from holdfast.store import alarms, databases, evidence
from holdfast.store.alarms import Alarm
from holdfast.store.databases import Database
from holdfast.store.operations import Operation
from holdfast.workflows.planning import RETAINED, doors, stored_cluster


@dataclass(frozen=True, slots=True)
class Summary:
    """A database and its nodes as they are now; `members` is by node name.

    `leader` is None where nobody leads or etcd could not be asked; `archive` is what the last look
    has seen of it (`recovery.archive_health.Seen`).
    """

    record: Database
    resolved: ResolvedDatabase
    cluster: Cluster
    members: dict[str, Member]
    leader: str | None
    archive: Mapping[str, Json] | None = None
    alarms: tuple[Alarm, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The stable form of `get databases` and `describe`."""
        resolved = self.resolved
        return {
            "name": self.record.name,
            "owner": resolved.spec.owner,
            "environment": str(resolved.spec.environment),
            "tier": resolved.tier.name,
            "size": resolved.size.name,
            "engine": resolved.spec.engine,
            "version": resolved.version,
            "phase": self.record.phase,
            "generation": self.record.generation,
            "created_at": self.record.created_at.isoformat(),
            "leader": self.leader,
            "nodes": [
                {
                    "name": node.name,
                    "address": node.address,
                    "port": POSTGRESQL_PORT,
                    "role": self.members[node.name].role or None,
                    "state": self.members[node.name].state,
                    "timeline": self.members[node.name].timeline,
                    "lag_bytes": self._lag_bytes(node.name),
                    "waits_for_restart": self.members[node.name].waits_for_restart,
                }
                for node in self.cluster.nodes
            ],
            "endpoints": self._endpoints(),
            "archive": self.archive,
            "alarms": [alarm_json(each) for each in self.alarms],
        }

    def _lag_bytes(self, name: str) -> int | None:
        leader = self.members.get(self.leader or "")
        mine = self.members[name].wal_position
        if leader is None or leader.wal_position is None or mine is None:
            return None
        return max(0, leader.wal_position - mine)

    def _endpoints(self) -> list[Json]:
        ports = {
            ("direct", "read-write"): POSTGRESQL_PORT,
            ("direct", "read-only"): POSTGRESQL_PORT,
            ("pooled", "read-write"): POOL_RW_PORT,
            ("pooled", "read-only"): POOL_RO_PORT,
        }
        return [
            {
                "kind": kind,
                "access": access,
                "hosts": [f"{node.address}:{port}" for node in self.cluster.nodes],
            }
            for (kind, access), port in ports.items()
        ]


def alarm_json(alarm: Alarm) -> dict[str, Json]:
    """The stable form of an alarm; times are ISO 8601."""
    return {
        "number": alarm.number,
        "database": alarm.database,
        "finding": alarm.finding,
        "severity": alarm.severity,
        "message": alarm.message,
        "hint": alarm.hint,
        "began_at": alarm.began_at.isoformat(),
        "seen_at": alarm.seen_at.isoformat(),
        "ended_at": alarm.ended_at.isoformat() if alarm.ended_at else None,
    }


async def open_alarms(control: Control, name: str | None) -> list[dict[str, Json]]:
    """What is wrong now with one database, or with any. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        if name is not None:
            await databases.get(connection, name)
        return [alarm_json(each) for each in await alarms.open_of(connection, name)]


async def every(control: Control) -> list[Summary]:
    """All databases by name, retained ones included."""
    async with control.platform.store.begin() as connection:
        found = await databases.every(connection)
    return [await _summary(control, each) for each in found]


async def describe(control: Control, name: str) -> Summary:
    """One database. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        found = await databases.get(connection, name)
    return await _summary(control, found)


async def _summary(control: Control, record: Database) -> Summary:
    cluster = await stored_cluster(control.platform, record.name)
    engine = doors(control.platform)
    leader = await _leader_if_known(cluster, engine)
    members = await topology(cluster, engine)
    async with control.platform.store.begin() as connection:
        archive = await alarms.last_look(connection, record.name)
        wrong = await alarms.open_of(connection, record.name)
    return Summary(record, cluster.resolved, cluster, members, leader, archive, wrong)


async def parameters(control: Control, name: str) -> Sequence[Parameter]:
    """The parameter baseline of a database, each value with its reason. Raises `NotFound`."""
    return cluster_parameters(await stored_cluster(control.platform, name))


async def dsn(
    control: Control,
    name: str,
    *,
    role: str,
    pooled: bool,
    database: str | None,
    actor: str,
) -> str:
    """A libpq URI with its password; that it was given away stands in the ledger first.

    Raises `NotFound` for a database, role or logical one.
    """
    cluster = await stored_cluster(control.platform, name)
    as_role = login(cluster, role)
    names = [each.name for each in cluster.spec.databases]
    if database is not None and database not in names:
        raise NotFound(
            f"{name} has no logical database {database!r}",
            subject=f"database {name}",
            hint=f"choose one of {', '.join(names)}",
        )
    engine = doors(control.platform)
    password = await engine.secrets.get(as_role.password)
    if password is None:
        raise Conflict(
            f"{name} has no login {as_role.user} yet",
            subject=f"database {name}",
            hint="wait until the database is ready",
        )
    await _record_access(control, cluster, as_role.user, actor)
    return uri(
        cluster,
        as_role.user,
        password,
        database=database or names[0],
        pooled=pooled,
        read_only=role == "ro",
        leader=await _leader_if_known(cluster, engine),
    )


async def _record_access(control: Control, cluster: Cluster, user: str, actor: str) -> None:
    fact = Record(
        id=f"access-{secrets.token_hex(8)}",
        kind="secret-access",
        at=control.platform.clock.now(),
        database=cluster.name,
        actor=actor,
        measured={"user": user, "why": "connect"},
    )
    async with control.platform.store.begin() as connection:
        await evidence.append(connection, [fact])


async def _leader_if_known(cluster: Cluster, engine: Doors) -> str | None:
    """Who leads; None also when etcd cannot be asked, because nothing but speed depends on it."""
    try:
        return await leader_name(cluster, engine)
    except Error:
        return None


async def delete(
    control: Control, name: str, *, mode: str | None, actor: str, refuse_if_busy: bool
) -> Operation:
    """Queue the deletion. `mode` is `retain-data`, `purge` or None for what the document says.

    Raises `Refused` when the document says `retain` and no mode was given.
    """
    async with control.platform.store.begin() as connection:
        record = await databases.get(connection, name)
    resolved = ResolvedDatabase.from_json(record.spec)
    if record.phase == RETAINED and mode != "purge":
        raise Conflict(
            f"database {name} is deleted already; its backups are kept",
            subject=f"database {name}",
            hint=f"remove the backups too with `holdfast delete {name} --purge`",
        )
    if mode is None and resolved.spec.deletion_policy is DeletionPolicy.RETAIN:
        raise Refused(
            f"database {name} has deletionPolicy retain",
            subject=f"database {name}",
            hint="say what becomes of the data: --force-retain-data keeps the backups, "
            "--purge removes everything",
        )
    return await operations.submit(
        control,
        "delete",
        {"mode": mode or "purge"},
        database=name,
        actor=actor,
        refuse_if_busy=refuse_if_busy,
    )
