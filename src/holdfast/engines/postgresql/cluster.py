"""What the pure parts of the engine know about one cluster: its document and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from holdfast.core.change import Json
from holdfast.core.errors import Refused
from holdfast.core.layout import POSTGRESQL_PORT, NodePaths, Site, node_name
from holdfast.spec.model import DatabaseSpec, ResolvedDatabase, SizeClass, TierSpec

POSTGRES = "postgres"
"""The superuser. It has no password: peer on the node, a client certificate from outside."""
REPLICATOR = "holdfast_replicator"
REWIND = "holdfast_rewind"
POOLER = "holdfast_pooler"
MONITOR = "holdfast_monitor"
READER = "holdfast_reader"
"""Reads every row of every table for a restore test, and may do nothing else."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a cluster; ordinals count from 1 and are part of the name."""

    ordinal: int
    name: str
    address: str
    paths: NodePaths

    @property
    def database(self) -> str:
        """The database that it is a node of."""
        return self.name.removesuffix(f"-{self.ordinal}")


@dataclass(frozen=True, slots=True)
class Installation:
    """Paths of the programs that a node runs.

    `bindir` holds PostgreSQL's, of the cluster's major version; `packages` is the folder that
    Python imports Patroni and all libraries from, `own_packages` that of the node agent;
    `libraries` are those that PostgreSQL can
    preload here (`$libdir/*.so` without the suffix); `lz4` is whether it was built with that;
    `pgbouncer_version` is (major, minor).
    """

    bindir: str
    python: str
    packages: str
    own_packages: str
    pgbouncer: str
    pgbackrest: str
    libraries: frozenset[str] = frozenset({"pg_stat_statements"})
    lz4: bool = True
    pgbouncer_version: tuple[int, int] = (1, 18)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "libraries": sorted(self.libraries),
            "pgbouncer_version": list(self.pgbouncer_version),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Installation:
        """The inverse of `to_json`."""
        return cls(
            **{
                **data,
                "libraries": frozenset(data["libraries"]),
                "pgbouncer_version": tuple(data["pgbouncer_version"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Cluster:
    """A resolved document together with its placement.

    `networks` are the CIDR ranges that nodes and clients come from. On loopback the kernel picks
    127.0.0.1 as the source of every connection, so there it is the whole range. `reserved` are
    addresses that nodes will have should the database get more of them.
    """

    resolved: ResolvedDatabase
    site: Site
    nodes: tuple[Node, ...]
    installation: Installation
    networks: tuple[str, ...] = ("127.0.0.0/8",)
    reserved: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The database's name: Patroni's scope and pgBackRest's stanza too."""
        return self.resolved.name

    @property
    def spec(self) -> DatabaseSpec:
        """The document."""
        return self.resolved.spec

    @property
    def tier(self) -> TierSpec:
        """The document's tier."""
        return self.resolved.tier

    @property
    def size(self) -> SizeClass:
        """The document's size class."""
        return self.resolved.size

    @property
    def version(self) -> int:
        """PostgreSQL's major version."""
        return self.resolved.version


def nodes(site: Site, database: str, addresses: Mapping[int, str]) -> tuple[Node, ...]:
    """The nodes of a database, by ordinal, from their addresses."""
    return tuple(
        Node(ordinal, node_name(database, ordinal), address, site.node(database, ordinal))
        for ordinal, address in sorted(addresses.items())
    )


SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket that Linux takes."""


def refuse_long_paths(cluster: Cluster) -> None:
    """Raise `Refused` when a node's socket would have a longer path than Linux takes."""
    for node in cluster.nodes:
        path = str(node.paths.run / f".s.PGSQL.{POSTGRESQL_PORT}")
        if len(path.encode()) > SOCKET_PATH_BYTES:
            raise Refused(
                f"the socket {path} has {len(path.encode())} bytes, and Linux takes "
                f"{SOCKET_PATH_BYTES}",
                subject=f"database {cluster.name}",
                hint="choose a shorter name, or a home folder with a shorter path",
            )


def secret(reference: str) -> str:
    """The placeholder for a secret in a rendered file."""
    return "${secret:" + reference + "}"


def etcd_password(database: str) -> str:
    """Reference of the password of the cluster's etcd user."""
    return f"{database}/etcd"


def patroni_password(database: str) -> str:
    """Reference of the password that lets somebody change the cluster through Patroni."""
    return f"{database}/patroni"


def repository_key(database: str) -> str:
    """Reference of the passphrase that encrypts the backup repository."""
    return f"{database}/repository"


def given(name: str) -> str:
    """Reference of a secret that somebody gave the platform, which never makes one up."""
    return f"given/{name}"


def references(text: str) -> Sequence[str]:
    """References of all secrets that a template names, in order of appearance."""
    found = []
    for part in text.split("${secret:")[1:]:
        reference, closed, _ = part.partition("}")
        if closed and reference not in found:
            found.append(reference)
    return found


def filled(text: str, secrets: Mapping[str, str]) -> str:
    """The template with each secret in its place. Raises KeyError for an unknown reference."""
    for reference in references(text):
        text = text.replace(secret(reference), secrets[reference])
    return text
