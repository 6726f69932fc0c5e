"""Look at one node: its programs, its Patroni, its PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.core.change import Json, Resource
from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.observe_files import certificates, files, folders
from holdfast.engines.postgresql.observe_parameters import Running, running_parameters
from holdfast.engines.postgresql.render import (
    IN_SERVICE,
    NO_DATA,
    definition,
    member_attributes,
    node_certificates,
    node_folders,
    node_templates,
    process_kind,
)
from holdfast.engines.postgresql.render_patroni import node_parameters
from holdfast.engines.postgresql.render_programs import programs
from holdfast.system.host import ServiceStatus


@dataclass(frozen=True, slots=True)
class Member:
    """One member as Patroni tells of it.

    `role` is `leader`, `replica` or empty when it is not known; `state` is Patroni's word
    (`running`, `streaming`, `starting`, …) or why there is none; `wal_position` counts bytes,
    written by a leader or received by a replica, which has replayed them to `replayed_position`;
    `restart_reasons` names parameters, as far as Patroni knows them.
    """

    role: str = ""
    state: str = "unreachable"
    timeline: int | None = None
    wal_position: int | None = None
    replayed_position: int | None = None
    waits_for_restart: bool = False
    restart_reasons: tuple[str, ...] = ()


async def node_resources(
    cluster: Cluster,
    node: Node,
    doors: Doors,
    services: Mapping[str, ServiceStatus],
    shared: Mapping[str, Json],
) -> tuple[list[Resource], Member]:
    """The node's resources, and what Patroni says of it.

    `shared` are the parameters in the dynamic configuration. A node that follows those is as it
    was told to be; where the document wants something else, that is a change of the configuration.
    """
    base = f"node/{node.ordinal}"
    member = await observe_member(node, doors)
    groups = await asyncio.gather(
        folders(f"{base}/folders", node_folders(node), cluster, doors),
        certificates(f"{base}/certificates", node_certificates(node), doors),
        files(f"{base}/files", node_templates(cluster, node), cluster, doors),
        _processes(cluster, node, doors, services),
        _member(cluster, node, doors, member, shared),
    )
    return [resource for group in groups for resource in group], member


async def observe_member(node: Node, doors: Doors) -> Member:
    """Ask the node's Patroni."""
    try:
        status = await doors.patroni.status(node.address)
    except Error:
        return Member()
    role = {"primary": "leader", "master": "leader", "standby_leader": "leader"}.get(
        status.get("role", ""), "replica"
    )
    xlog = status.get("xlog", {})
    state = status.get("state", "")
    if role == "replica" and state == "running":
        state = status.get("replication_state") or state
    return Member(
        role=role,
        state=state,
        timeline=status.get("timeline"),
        wal_position=xlog.get("location") or xlog.get("received_location"),
        replayed_position=xlog.get("replayed_location"),
        waits_for_restart=bool(status.get("pending_restart")),
        restart_reasons=tuple(sorted(status.get("pending_restart_reason") or ())),
    )


def in_service(member: Member) -> bool:
    """Whether the member leads, or streams from the leader."""
    return member.state == ("running" if member.role == "leader" else "streaming")


async def _member(
    cluster: Cluster, node: Node, doors: Doors, member: Member, shared: Mapping[str, Json]
) -> list[Resource]:
    data = node.paths.data
    version, hba, ident, automatic, running = await asyncio.gather(
        doors.host.stat(str(data / "PG_VERSION")),
        doors.host.read(str(data / "pg_hba.conf")),
        doors.host.read(str(data / "pg_ident.conf")),
        doors.host.read(str(data / "postgresql.auto.conf")),
        _parameters(cluster, node, doors, member, shared),
    )
    if version is None:
        if await doors.host.stat(str(node.paths.conf / "patroni.yml")) is None:
            return []
        # The rest follows from the data, and needs no word of its own.
        attributes = {**member_attributes(cluster), "state": NO_DATA}
        return [Resource(f"node/{node.ordinal}/member", "member", attributes)]
    by_hand = settings(automatic)
    waiting = waits_for(member, running)
    told = {*by_hand, *waiting}
    attributes = {
        "state": IN_SERVICE if in_service(member) else member.state,
        "hba": "\n".join(rules(hba)),
        "ident": "\n".join(rules(ident)),
        "set_by_hand": by_hand,
        "parameters": {name: said for name, said in running.deviating.items() if name not in told},
        "waits_for_restart": list(waiting),
    }
    return [Resource(f"node/{node.ordinal}/member", "member", attributes)]


async def _parameters(
    cluster: Cluster, node: Node, doors: Doors, member: Member, shared: Mapping[str, Json]
) -> Running:
    if not member.role:
        # Patroni does not answer; a server that runs nevertheless is asked when it is in service.
        return Running()
    told = {name: str(value) for name, value in shared.items()} | node_parameters(cluster, node)
    return await running_parameters(cluster, node, doors, told) or Running()


def waits_for(member: Member, running: Running) -> tuple[str, ...]:
    """Names of the parameters that wait for a restart of the node, sorted.

    Patroni knows of those that a replica may not lower yet, PostgreSQL of those that somebody
    changed behind Patroni's back.
    """
    unnamed = ("another parameter",) if member.waits_for_restart else ()
    return tuple(sorted({*member.restart_reasons, *running.waiting})) or unnamed


def rules(content: bytes | None) -> list[str]:
    """The lines of pg_hba.conf or pg_ident.conf that mean something, white space folded."""
    lines = (content or b"").decode(errors="replace").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and line.strip()[0] != "#"]


def settings(content: bytes | None) -> dict[str, str]:
    """What ALTER SYSTEM left in postgresql.auto.conf."""
    found: dict[str, str] = {}
    for line in rules(content):
        name, _, value = line.partition("=")
        found[name.strip()] = value.strip().strip("'").replace("''", "'")
    return found


async def _processes(
    cluster: Cluster, node: Node, doors: Doors, services: Mapping[str, ServiceStatus]
) -> list[Resource]:
    found = []
    for part, program in programs(cluster, node).items():
        status = services.get(program.name)
        if status is None or status.state == "absent":
            continue
        same = await doors.host.services.matches(program)
        attributes = {
            "program": program.name,
            "definition": definition(program.argv, program.environment) if same else "another",
            "state": status.state,
        }
        id = f"node/{node.ordinal}/process/{part}"
        found.append(Resource(id, process_kind(part), attributes))
    return found
