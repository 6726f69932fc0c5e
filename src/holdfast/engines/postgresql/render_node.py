"""The files of a node's agent and of its poolers. Pure.

The agent is a program of its own and reads JSON; that its reader and this writer agree is held
by a test.
"""

from __future__ import annotations

import json

from holdfast.core.layout import POOL_RO_PORT, POOL_RW_PORT, etcd_user
from holdfast.engines.postgresql.cluster import (
    MONITOR,
    POOLER,
    POSTGRES,
    READER,
    REPLICATOR,
    REWIND,
    Cluster,
    Node,
    etcd_password,
    secret,
)
from holdfast.engines.postgresql.render_pooler import (
    PoolerSettings,
    pool_size,
    pooler_ini,
    user_list,
)
from holdfast.spec.model import Synchronous

SIDES = {"rw": POOL_RW_PORT, "ro": POOL_RO_PORT}


def databases_file(node: Node, side: str) -> str:
    """The include file with a pooler's `[databases]`; the agent owns it."""
    return str(node.paths.run / f"pgbouncer-{side}.databases.ini")


def pooler_files(cluster: Cluster, node: Node) -> dict[str, str]:
    """The configuration of both poolers and the list of users that may be in neither."""
    users = str(node.paths.conf / "pgbouncer.users")
    closed = (POSTGRES, REPLICATOR, REWIND, POOLER, MONITOR, READER, "holdfast_backup")
    # Every node's read-write pooler leads to the leader, and any of the read-only ones may.
    poolers = 2 * len(cluster.nodes)
    files = {users: user_list(closed)}
    for side, port in SIDES.items():
        settings = PoolerSettings(
            address=node.address,
            port=port,
            socket_folder=str(node.paths.run),
            databases_file=databases_file(node, side),
            users_file=users,
            ca=str(cluster.site.ca_certificate),
            server=str(node.paths.pki / "server"),
            client=str(node.paths.pki / POOLER),
            auth_user=POOLER,
            pool_size=pool_size(
                cluster.resolved.max_connections, poolers, len(cluster.spec.databases)
            ),
            version=cluster.installation.pgbouncer_version,
        )
        files[str(node.paths.conf / f"pgbouncer-{side}.ini")] = pooler_ini(settings)
    return files


def agent_file(cluster: Cluster, node: Node) -> dict[str, str]:
    """The agent's configuration and its etcd password, by path."""
    pki, ca = node.paths.pki, str(cluster.site.ca_certificate)
    password = str(node.paths.conf / "etcd.password")
    document = {
        "cluster": cluster.name,
        "node": node.name,
        "address": node.address,
        "socket_folder": str(node.paths.run),
        "databases": [each.name for each in cluster.spec.databases],
        **{
            side: {"port": port, "databases_file": databases_file(node, side)}
            for side, port in SIDES.items()
        },
        "identity": {
            "ca": ca,
            "certificate": str(pki / f"{POOLER}.crt"),
            "key": str(pki / f"{POOLER}.key"),
        },
        "etcd": {
            "endpoints": list(cluster.site.etcd_endpoints),
            "user": etcd_user(cluster.name),
            "password_file": password,
            "identity": {
                "ca": ca,
                "certificate": str(pki / "etcd.crt"),
                "key": str(pki / "etcd.key"),
            },
        },
        "check_user": POOLER,
        "data_folder": str(node.paths.data),
        # Where Patroni would start a crashed server again in place, so it may.
        "gives_back": cluster.tier.timing.primary_start_timeout_s == 0
        and cluster.tier.synchronous is not Synchronous.OFF,
    }
    return {
        str(node.paths.conf / "node.json"): json.dumps(document, indent=2, sort_keys=True) + "\n",
        password: secret(etcd_password(cluster.name)),
    }
