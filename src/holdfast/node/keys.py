"""The cluster's keys in etcd, as Patroni and the control plane write them. Pure.

- `leader`: name of the member that leads
- `members/<name>`: JSON with conn_url, role, state, tags
- `status`: JSON with optime, the leader's WAL position in bytes
- `sync`: JSON with sync_standby, the members that may take over, with commas
- `config`: JSON; `pause` true means that Patroni leaves PostgreSQL alone
- `pooler/pause`: JSON {operation, leader}: hold back the clients of that leader
- `pooler/nodes/<node>`: JSON report of a node's agent
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from holdfast.core.change import Json
from holdfast.core.layout import POSTGRESQL_PORT
from holdfast.node.view import Cluster, Member, Order, Phase, Report

LEADER = "leader"
PAUSE = "pooler/pause"
REPORTS = "pooler/nodes/"
_MEMBERS = "members/"
_REPLICA_ROLES = ("replica", "standby_leader")


def cluster(values: Mapping[str, str], me: str) -> Cluster:
    """What the keys say; `values` is by key below the cluster's prefix.

    A value that cannot be read counts as absent: nothing good follows from a broken one.
    """
    members = {}
    for key, text in values.items():
        if key.startswith(_MEMBERS):
            found = _member(key.removeprefix(_MEMBERS), _object(text))
            if found:
                members[found.name] = found
    leader = values.get(LEADER)
    return Cluster(
        leader=leader if leader in members else None,
        members=members,
        written=_whole(_object(values.get("status", "")).get("optime")),
        unmanaged=_object(values.get("config", "")).get("pause") is True,
        synchronous=bool(_standbys(values)),
        order=_order(_object(values.get(PAUSE, ""))),
        report=_report(_object(values.get(REPORTS + me, ""))),
    )


def remembering(found: Cluster, known: Mapping[str, Member], addresses: Collection[str]) -> Cluster:
    """The cluster with those members at these addresses that were known before.

    A leader that is cut off from etcd loses its member key together with the leader's, as both
    hang on one lease. As long as nobody else leads, it is still to be asked how it is.
    """
    if found.leader is not None or not found.members:
        return found
    kept = {
        name: member
        for name, member in known.items()
        if name not in found.members and member.address in addresses
    }
    return replace(found, members={**found.members, **kept}) if kept else found


def successor(values: Mapping[str, str], me: str) -> bool:
    """Whether Patroni knows of a synchronous member beside `me` that runs and may take over."""
    members = cluster(values, me).members
    return any(
        name in members and members[name].follows for name in _standbys(values) if name != me
    )


def _standbys(values: Mapping[str, str]) -> list[str]:
    names = str(_object(values.get("sync", "")).get("sync_standby") or "").split(",")
    return [name for name in names if name]


def matters(key: str) -> bool:
    """True for keys whose change should be acted on at once."""
    return key in (LEADER, PAUSE)


def report_text(report: Report) -> str:
    """A report as it stands in etcd."""
    return json.dumps(
        {
            "state": str(report.state),
            "operation": report.operation,
            "blockers": report.blockers,
            "target": report.target,
        }
    )


def _member(name: str, data: Mapping[str, Json]) -> Member | None:
    try:
        url = urlsplit(str(data.get("conn_url", "")))
        address, port = url.hostname, url.port
    except ValueError:
        return None
    if not address:
        return None
    tags = data.get("tags")
    role = str(data.get("role", ""))
    return Member(
        name=name,
        address=address,
        port=port or POSTGRESQL_PORT,
        role="replica" if role in _REPLICA_ROLES else role,
        state=str(data.get("state", "")),
        readable=not (isinstance(tags, dict) and tags.get("noloadbalance")),
    )


def _order(data: Mapping[str, Json]) -> Order | None:
    operation, leader = data.get("operation"), data.get("leader")
    if isinstance(operation, str) and isinstance(leader, str) and operation and leader:
        return Order(operation, leader)
    return None


def _report(data: Mapping[str, Json]) -> Report | None:
    try:
        state = Phase(str(data.get("state")))
    except ValueError:
        return None
    return Report(
        state,
        operation=str(data.get("operation", "")),
        blockers=_whole(data.get("blockers")),
        target=str(data.get("target", "")),
    )


def _object(text: str) -> Mapping[str, Json]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _whole(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
