"""The desired state of one cluster: every resource the platform answers for. Pure.

The order of the resources is the order of the story; `after` says what really has to wait.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.core.change import Json, Resource, state
from holdfast.core.layout import etcd_prefix, etcd_user
from holdfast.engines.postgresql.catalog import render as catalog
from holdfast.engines.postgresql.cluster import (
    POOLER,
    REPLICATOR,
    REWIND,
    Cluster,
    Node,
    etcd_password,
)
from holdfast.engines.postgresql.parameters import preload
from holdfast.engines.postgresql.render_backup import cluster_backup_file, node_backup_file
from holdfast.engines.postgresql.render_node import agent_file, pooler_files
from holdfast.engines.postgresql.render_patroni import (
    apart_from_synchronous,
    as_yaml,
    before_stop_path,
    before_stop_script,
    dynamic_configuration,
    hba_rules,
    ident_rules,
    node_configuration,
    on_start_path,
    on_start_script,
    only_synchronous,
    parameter_surroundings,
)
from holdfast.engines.postgresql.render_programs import programs

IN_SERVICE = "in service"
TAKES_WRITES = "takes writes"
NO_DATA = "no data folder"
NOBODY_LEADS = "nobody leads"
HAS_TO_LEAVE = "leads and has to leave"


@dataclass(frozen=True, slots=True)
class Template:
    """A file to be: its text with `${secret:…}` in place of secrets, and its permission bits."""

    text: str
    mode: int = 0o600

    @property
    def digest(self) -> str:
        """SHA-256 of the text before secrets are filled in, shortened to 16 digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate to be, at `<path>.crt` with its key at `<path>.key`."""

    path: PurePosixPath
    common_name: str
    addresses: tuple[str, ...] = ()


def desired(cluster: Cluster) -> dict[str, Resource]:
    """Every resource of the cluster by id."""
    return state(_resources(cluster))


def _resources(cluster: Cluster) -> Iterator[Resource]:
    yield Resource(
        "etcd/user",
        "etcd-user",
        {
            "user": etcd_user(cluster.name),
            "may": [f"READWRITE {etcd_prefix(cluster.name)}*"],
            "password": f"secret:{etcd_password(cluster.name)}",
        },
        reason="Patroni and the node agents see their own cluster's keys only",
    )
    yield Resource(
        "configuration",
        "configuration",
        apart_from_synchronous(dynamic_configuration(cluster)),
        after=("etcd/user",),
        reason=f"{cluster.tier.name}, size {cluster.size.name}, PostgreSQL {cluster.version}",
    )
    yield _folders("cluster/folders", cluster_folders(cluster), cluster)
    yield _files("cluster/files", cluster_templates(cluster), ("cluster/folders",))
    # The longest chain behind the leader, so it stands in front of what could begin with it: the
    # first backup is then taken while the replicas are made, not after everything else.
    yield from _recoverability(cluster)
    for node in cluster.nodes:
        yield from _node(cluster, node)
    yield Resource(
        "leader",
        "leader",
        {"state": TAKES_WRITES},
        after=tuple(f"node/{node.ordinal}/process/patroni" for node in cluster.nodes),
        reason="one node takes writes",
    )
    yield Resource(
        "synchronous",
        "synchronous",
        only_synchronous(dynamic_configuration(cluster)),
        # On a cluster that is there already: before its replicas were, every commit would wait.
        after=("configuration", *(f"node/{node.ordinal}/member" for node in cluster.nodes)),
        reason=f"{cluster.tier.name} says whom a commit waits for",
    )
    for resource in wanted_catalog(cluster):
        yield Resource(
            resource.id,
            resource.kind,
            resource.attributes,
            after=("leader", *resource.after),
            reason=resource.reason,
        )


def wanted_catalog(cluster: Cluster) -> list[Resource]:
    """Roles, databases, schemas, grants and extensions of the platform."""
    return catalog.desired(
        cluster.spec,
        cluster.version,
        cluster.resolved.max_connections,
        preload(
            cluster.version,
            cluster.size,
            cluster.tier,
            parameter_surroundings(cluster),
        ),
    )


def _recoverability(cluster: Cluster) -> Iterator[Resource]:
    yield Resource(
        "archive",
        "archive",
        {"state": "receives segments"},
        after=("leader", "cluster/files"),
        reason="every change leaves the node within the archive timeout",
    )
    yield Resource(
        "backup",
        "backup",
        {"state": "a full backup is there"},
        after=("archive",),
        reason="a database without a backup is not ready",
    )


def _node(cluster: Cluster, node: Node) -> Iterator[Resource]:
    base = f"node/{node.ordinal}"
    yield _folders(f"{base}/folders", node_folders(node), cluster)
    yield Resource(
        f"{base}/certificates",
        "certificates",
        {
            str(each.path): {"common_name": each.common_name, "addresses": list(each.addresses)}
            for each in node_certificates(node)
        },
        after=(f"{base}/folders",),
        reason="TLS on every hop, from the internal CA",
    )
    yield _files(f"{base}/files", node_templates(cluster, node), (f"{base}/folders", "etcd/user"))
    for part, program in programs(cluster, node).items():
        first = ("configuration", f"{base}/certificates", f"{base}/files")
        # The poolers and the agent are of no use before there is somebody to talk to, and
        # starting them later leaves the processor to initdb.
        yield Resource(
            f"{base}/process/{part}",
            process_kind(part),
            {
                "program": program.name,
                "definition": definition(program.argv, program.environment),
                "state": "running",
            },
            after=first if part == "patroni" else (*first, "leader"),
            reason=f"{part} of {node.name}",
        )
    yield Resource(
        f"{base}/member",
        "member",
        member_attributes(cluster),
        after=("leader", f"{base}/process/patroni"),
        reason=f"{node.name} leads or streams from the leader",
    )


def member_attributes(cluster: Cluster) -> dict[str, Json]:
    """How every member should be."""
    return {
        "state": IN_SERVICE,
        "hba": "\n".join(hba_rules(cluster)),
        "ident": "\n".join(ident_rules(cluster)),
        "set_by_hand": {},
        "parameters": {},
        "waits_for_restart": [],
    }


def process_kind(part: str) -> str:
    """The kind of a program's resource: restarting the agent disturbs nobody."""
    return "agent" if part == "agent" else "process"


def definition(argv: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """A digest of how a program is started."""
    text = json.dumps([argv, sorted(environment.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _folders(id: str, folders: Mapping[str, int], cluster: Cluster) -> Resource:
    attributes: dict[str, Json] = {
        path: f"{cluster.site.os_user} {mode:04o}" for path, mode in folders.items()
    }
    return Resource(id, "folders", attributes, reason="private to the data plane's user")


def _files(id: str, templates: Mapping[str, Template], after: tuple[str, ...]) -> Resource:
    attributes: dict[str, Json] = {
        path: f"{template.mode:04o} {template.digest}" for path, template in templates.items()
    }
    return Resource(id, "files", attributes, after=after, reason="rendered from the document")


def cluster_folders(cluster: Cluster) -> dict[str, int]:
    """Folders of the cluster as a whole: path to permission bits."""
    root = cluster.site.cluster(cluster.name)
    return {
        str(root): 0o750,
        str(root / "conf"): 0o700,
        str(root / "log"): 0o750,
        str(root / "run"): 0o700,
        str(cluster.site.repository(cluster.name)): 0o700,
    }


def node_folders(node: Node) -> dict[str, int]:
    """Folders of one node: path to permission bits. PGDATA is PostgreSQL's own affair."""
    paths = node.paths
    return {
        str(paths.root): 0o750,
        str(paths.conf): 0o700,
        str(paths.log): 0o750,
        str(paths.pki): 0o700,
        str(paths.run): 0o700,
    }


def node_certificates(node: Node) -> tuple[Certificate, ...]:
    """`server` answers clients, `node` answers and asks Patronis; the rest have one use each.

    etcd's gateway turns a certificate with a common name away once etcd has users.
    """
    pki = node.paths.pki
    return (
        Certificate(pki / "server", node.name, (node.address,)),
        Certificate(pki / "node", node.name, (node.address,)),
        Certificate(pki / "etcd", "", (node.address,)),
        Certificate(pki / REPLICATOR, REPLICATOR),
        Certificate(pki / REWIND, REWIND),
        Certificate(pki / POOLER, POOLER),
    )


def cluster_templates(cluster: Cluster) -> dict[str, Template]:
    """Files of the cluster as a whole, by path."""
    conf = cluster.site.cluster(cluster.name) / "conf"
    return {str(conf / "pgbackrest.conf"): Template(cluster_backup_file(cluster))}


def node_templates(cluster: Cluster, node: Node) -> dict[str, Template]:
    """Files of one node, by path."""
    conf = node.paths.conf
    return {
        str(conf / "patroni.yml"): Template(as_yaml(node_configuration(cluster, node))),
        str(before_stop_path(node)): Template(before_stop_script(node), 0o700),
        str(on_start_path(node)): Template(on_start_script(node), 0o700),
        str(conf / "pgbackrest.conf"): Template(node_backup_file(cluster, node)),
        **{path: Template(text) for path, text in pooler_files(cluster, node).items()},
        **{path: Template(text) for path, text in agent_file(cluster, node).items()},
    }
