"""What an agent sees and what it may do: plain values between observing, deciding and acting."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


class Side(enum.StrEnum):
    """The two poolers of a node."""

    RW = "rw"
    RO = "ro"


class Health(enum.StrEnum):
    """What a connection to a member said.

    `unknown` is the honest answer when the check itself went wrong (a certificate, a refused
    login, too many connections): nothing follows from it about the member.
    """

    PRIMARY = "primary"
    REPLICA = "replica"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one member; `replayed` is a replica's position in the WAL, in bytes."""

    health: Health
    timeline: int = 0
    replayed: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as Patroni describes it in etcd."""

    name: str
    address: str
    port: int
    role: str
    state: str
    readable: bool = True
    """False when it is tagged to serve no reads."""

    @property
    def follows(self) -> bool:
        """True for a replica that Patroni holds to be running."""
        return self.role == "replica" and self.state in ("running", "streaming")


@dataclass(frozen=True, slots=True)
class Order:
    """Hold back the clients of `leader` until somebody else leads: a planned switchover."""

    operation: str
    leader: str


class Phase(enum.StrEnum):
    """How the read-write pooler of a node stands, as reported in etcd."""

    RUNNING = "running"
    HELD = "held"
    PAUSING = "pausing"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Report:
    """What an agent tells about its read-write pooler.

    `operation` is the order it answers to ("" without one), `blockers` the number of
    transactions that still keep a pause from being complete, `target` the member it points at.
    """

    state: Phase
    operation: str = ""
    blockers: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster's keys in etcd.

    `written` is the leader's last known WAL position in bytes; `unmanaged` says that Patroni
    was told to leave PostgreSQL alone, so that a missing leader key means nothing; `synchronous`
    that commits wait for a standby.
    """

    leader: str | None = None
    members: Mapping[str, Member] = field(default_factory=dict)
    written: int = 0
    unmanaged: bool = False
    synchronous: bool = False
    order: Order | None = None
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One logical database as a running pooler has it."""

    host: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Pooler:
    """One pooler as it is.

    `file` is the text of its include file, None where there is none; `entries` what the process
    has loaded; `busy` the server connections with a transaction in them; `elsewhere` the
    hosts of server connections that do not lead to where the entries point, and
    `elsewhere_since` when the first of them was seen (monotonic seconds).
    """

    file: str | None = None
    entries: Mapping[str, Entry] = field(default_factory=dict)
    busy: int = 0
    elsewhere: tuple[str, ...] = ()
    elsewhere_since: float = 0.0


@dataclass(frozen=True, slots=True)
class View:
    """All that one decision is made from.

    `trusted` says that etcd answers, so that `cluster` is the truth and not a memory. `checks`
    holds what members said to a connection; one that was not asked is not in it. A pooler is
    None when it does not answer on its console.
    """

    me: str
    socket_folder: str
    port: int
    databases: tuple[str, ...]
    lag_bound_bytes: int
    cluster: Cluster
    trusted: bool
    checks: Mapping[str, Check]
    rw: Pooler | None
    ro: Pooler | None

    def host(self, member: str) -> str:
        """How this node reaches a member: its own by Unix socket, others by address."""
        return self.socket_folder if member == self.me else self.cluster.members[member].address

    def port_of(self, member: str) -> int:
        """The port of a member's PostgreSQL."""
        return self.port if member == self.me else self.cluster.members[member].port

    def health(self, member: str | None) -> Health | None:
        """What the member said, None if it was not asked."""
        check = self.checks.get(member) if member else None
        return check.health if check else None


@dataclass(frozen=True, slots=True)
class Point:
    """Write the include file of a pooler and make it load it."""

    side: Side
    member: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Let running transactions finish and queue everything else."""

    side: Side
    databases: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """Let the queued clients go on."""

    side: Side
    databases: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the server connections that still lead to these hosts."""

    side: Side
    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Publish the report."""

    report: Report
    reason: str


Command: TypeAlias = Point | Hold | Release | Cut | Tell
