"""Patroni's two configurations: the dynamic one in etcd, and each node's own file.

Everything that is the same on all nodes is dynamic, so that Patroni itself brings a change to
every node and tells which ones wait for a restart. The node's file holds what differs:
addresses, folders and certificates.
"""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath

from ruamel.yaml import YAML

from holdfast.core.change import Json
from holdfast.core.layout import CONTROL_NAME, PATRONI_PORT, POSTGRESQL_PORT, etcd_user
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
    patroni_password,
    secret,
)
from holdfast.engines.postgresql.parameters import Parameter, Surroundings, baseline
from holdfast.system.patroni import OPERATOR

IDENT_NODE = "holdfast-node"
IDENT_CONTROL = "holdfast-control"


def hba_rules(cluster: Cluster) -> list[str]:
    """pg_hba.conf, in order: the platform's own roles by certificate, everybody else by SCRAM.

    There is no line without TLS and no line for the platform's roles by password: a stolen
    password of theirs, if there were one, would open nothing.
    """
    certified = [
        ("replication", REPLICATOR, "cert"),
        ("postgres", REWIND, "cert"),
        ("all", POOLER, "cert"),
        ("all", MONITOR, "cert"),
        ("all", READER, f"cert map={IDENT_CONTROL}"),
        ("all", POSTGRES, f"cert map={IDENT_CONTROL}"),
    ]
    closed = ",".join(sorted({role for _, role, _ in certified}))
    return [
        f"local all {POSTGRES} peer map={IDENT_NODE}",
        f"local all {POOLER} peer map={IDENT_NODE}",
        f"local all {closed} reject",
        "local all all scram-sha-256",
        *(
            f"hostssl {database} {role} {network} {method}"
            for database, role, method in certified
            for network in cluster.networks
        ),
        f"hostssl all {closed} all reject",
        *(f"hostssl all all {network} scram-sha-256" for network in cluster.networks),
    ]


def ident_rules(cluster: Cluster) -> list[str]:
    """pg_ident.conf: who may be which of the platform's roles without a password."""
    return [
        f"{IDENT_NODE} {cluster.site.os_user} {POSTGRES}",
        f"{IDENT_NODE} {cluster.site.os_user} {POOLER}",
        f"{IDENT_CONTROL} {CONTROL_NAME} {POSTGRES}",
        f"{IDENT_CONTROL} {CONTROL_NAME} {READER}",
    ]


def cluster_parameters(cluster: Cluster) -> tuple[Parameter, ...]:
    """The parameter baseline of the cluster, each value with its reason and source."""
    return baseline(
        cluster.version,
        replace(cluster.size, max_connections=cluster.resolved.max_connections),
        cluster.tier,
        cluster.spec.parameters,
        parameter_surroundings(cluster),
    )


def parameter_surroundings(cluster: Cluster) -> Surroundings:
    """What the baseline rests on beside the document."""
    return Surroundings(
        extensions=frozenset(cluster.spec.extensions),
        libraries=cluster.installation.libraries,
        lz4=cluster.installation.lz4,
    )


def dynamic_configuration(cluster: Cluster) -> dict[str, Json]:
    """What stands in etcd under `config`: timings, synchronous mode, parameters, HBA."""
    timing, synchronous = cluster.tier.timing, cluster.tier.synchronous
    parameters = cluster_parameters(cluster)
    return {
        "ttl": timing.ttl_s,
        "loop_wait": timing.loop_wait_s,
        "retry_timeout": timing.retry_timeout_s,
        "primary_start_timeout": timing.primary_start_timeout_s,
        "primary_stop_timeout": timing.primary_stop_timeout_s,
        "maximum_lag_on_failover": timing.maximum_lag_bytes,
        "check_timeline": True,
        "failsafe_mode": True,
        "member_slots_ttl": "30min",
        "synchronous_mode": {"off": False, "on": True, "quorum": "quorum"}[synchronous],
        "synchronous_mode_strict": cluster.tier.strict,
        "postgresql": {
            "use_pg_rewind": True,
            # Where a commit waits for no standby, an old leader may hold the only copy of it.
            "remove_data_directory_on_rewind_failure": cluster.tier.strict,
            "use_slots": True,
            "parameters": {parameter.name: parameter.value for parameter in parameters},
            "pg_hba": hba_rules(cluster),
            "pg_ident": ident_rules(cluster),
        },
    }


_SYNCHRONOUS = ("synchronous_mode", "synchronous_mode_strict")


def only_synchronous(configuration: Mapping[str, Json]) -> dict[str, Json]:
    """The part of the dynamic configuration that says whom a commit waits for."""
    return {name: configuration[name] for name in _SYNCHRONOUS if name in configuration}


def apart_from_synchronous(configuration: Mapping[str, Json]) -> dict[str, Json]:
    """All the rest of it."""
    return {name: value for name, value in configuration.items() if name not in _SYNCHRONOUS}


def _client_certificate(node: Node, cluster: Cluster, role: str) -> dict[str, Json]:
    return {
        "username": role,
        "sslmode": "verify-full",
        "sslrootcert": str(cluster.site.ca_certificate),
        "sslcert": str(node.paths.pki / f"{role}.crt"),
        "sslkey": str(node.paths.pki / f"{role}.key"),
    }


def _pgbackrest(cluster: Cluster, node: Node) -> str:
    configuration = node.paths.conf / "pgbackrest.conf"
    return f"{cluster.installation.pgbackrest} --config={configuration} --stanza={cluster.name}"


def node_parameters(cluster: Cluster, node: Node) -> dict[str, str]:
    """PostgreSQL parameters that hold a path of the node."""
    archive = _pgbackrest(cluster, node)
    return {
        "unix_socket_directories": str(node.paths.run),
        "ssl_ca_file": str(cluster.site.ca_certificate),
        "ssl_cert_file": str(node.paths.pki / "server.crt"),
        "ssl_key_file": str(node.paths.pki / "server.key"),
        "log_directory": str(node.paths.log),
        "archive_command": f"{archive} archive-push %p",
    }


def wanted_parameters(cluster: Cluster, node: Node) -> dict[str, str]:
    """Every parameter that the platform sets on one node, the cluster's and the node's own."""
    shared = {each.name: each.value for each in cluster_parameters(cluster)}
    return {**shared, **node_parameters(cluster, node)}


def before_stop_path(node: Node) -> PurePosixPath:
    """The script that Patroni calls before it stops PostgreSQL."""
    return node.paths.conf / "before_stop.sh"


def planned_mark(node: Node) -> PurePosixPath:
    """A file that says: the next stop is a planned switchover."""
    return node.paths.run / "planned"


def before_stop_script(node: Node) -> str:
    """Begin the fast shutdown of a planned switchover ourselves, so that nobody sleeps through it.

    Patroni looks for the end of its clients' connections, and then for that of the postmaster,
    at intervals of a whole second each. A fast shutdown drains the WAL senders in any case, so
    nothing is lost by being quick. The mark keeps it to planned switchovers: Patroni calls this
    before every stop, also before those in an emergency.

    A pid file may outlive its process, whose number is given to another: only a process that
    works in the data folder is told to stop. Any other is left to Patroni.
    """
    mark, data = shlex.quote(str(planned_mark(node))), shlex.quote(str(node.paths.data))
    pid = shlex.quote(str(node.paths.data / "postmaster.pid"))
    return f"""\
#!/bin/sh
[ -f {mark} ] || exit 0
rm -f {mark}
postmaster=$(head -n 1 {pid}) || exit 0
[ ! -e /proc/self/cwd ] || [ "/proc/$postmaster/cwd" -ef {data} ] || exit 0
kill -INT "$postmaster" || exit 0
rounds=0
while [ $rounds -lt 80 ] && [ -e {pid} ]; do sleep 0.01; rounds=$((rounds + 1)); done
[ -e {pid} ] && exit 0
rounds=0
while [ $rounds -lt 50 ] && kill -0 "$postmaster" 2>/dev/null; do
    sleep 0.01
    rounds=$((rounds + 1))
done
exit 0
"""


def on_start_path(node: Node) -> PurePosixPath:
    """The script that Patroni calls when PostgreSQL runs, whoever started it."""
    return node.paths.conf / "on_start.sh"


def on_start_script(node: Node) -> str:
    """Have a Patroni that took over a running standby read its configuration once more.

    It takes over the standby's parameters as its own session sees them, and keeps those for the
    standby's next start: keepalives read as 0 through a Unix socket, and pg_stat_statements is
    off in Patroni's own sessions. Reading the configuration anew puts the right ones in place.
    """
    pid = node.paths.data / "postmaster.pid"
    return f"""\
#!/bin/sh
[ -r /proc/self/stat ] || exit 0
started() {{ sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20; }}
postmaster=$(head -n 1 '{pid}') || exit 0
[ "$(started "$postmaster")" -ge "$(started "$PPID")" ] || kill -HUP "$PPID"
exit 0
"""


def _postgresql(cluster: Cluster, node: Node) -> dict[str, Json]:
    archive = _pgbackrest(cluster, node)
    return {
        "listen": f"{node.address}:{POSTGRESQL_PORT}",
        "connect_address": f"{node.address}:{POSTGRESQL_PORT}",
        "data_dir": str(node.paths.data),
        "bin_dir": cluster.installation.bindir,
        "pgpass": str(node.paths.run / "pgpass"),
        "before_stop": str(before_stop_path(node)),
        "callbacks": {"on_start": str(on_start_path(node))},
        "use_unix_socket": True,
        "authentication": {
            "superuser": {"username": POSTGRES, **_rewind_connection(cluster)},
            "replication": _client_certificate(node, cluster, REPLICATOR),
            "rewind": _client_certificate(node, cluster, REWIND),
        },
        "parameters": dict(node_parameters(cluster, node)),
        "recovery_conf": {"restore_command": f'{archive} archive-get %f "%p"'},
        "create_replica_methods": ["basebackup"],
        "basebackup": [{"checkpoint": "fast"}],
    }


def _rewind_connection(cluster: Cluster) -> dict[str, Json]:
    # Patroni asks a remote member as the superuser only where there is no rewind role; these
    # keep even such a connection from going out in the clear.
    return {"sslmode": "verify-full", "sslrootcert": str(cluster.site.ca_certificate)}


def node_configuration(cluster: Cluster, node: Node) -> dict[str, Json]:
    """One node's file, with the etcd password as a placeholder."""
    pki, ca = node.paths.pki, str(cluster.site.ca_certificate)
    own = {"certfile": str(pki / "node.crt"), "keyfile": str(pki / "node.key")}
    return {
        "scope": cluster.name,
        "namespace": "/holdfast/",
        "name": node.name,
        "log": {
            "level": "INFO",
            "dir": str(node.paths.log),
            "file_size": 10_000_000,
            "file_num": 4,
            "mode": "0640",
        },
        "restapi": {
            "listen": f"{node.address}:{PATRONI_PORT}",
            "connect_address": f"{node.address}:{PATRONI_PORT}",
            "cafile": ca,
            "verify_client": "required",
            # Every certificate of the site's CA is let in to look; to change something takes the
            # cluster's own password besides.
            "authentication": {
                "username": OPERATOR,
                "password": secret(patroni_password(cluster.name)),
            },
            **own,
        },
        "ctl": {"cacert": ca, **own},
        "etcd3": {
            "hosts": [endpoint.split("//")[1] for endpoint in cluster.site.etcd_endpoints],
            "protocol": "https",
            "cacert": ca,
            "cert": str(pki / "etcd.crt"),
            "key": str(pki / "etcd.key"),
            "username": etcd_user(cluster.name),
            "password": secret(etcd_password(cluster.name)),
        },
        # No `dcs` here: the dynamic configuration is put into etcd before the first start, so
        # that a later change of it does not touch this file.
        "bootstrap": {"initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}]},
        "postgresql": _postgresql(cluster, node),
        "watchdog": {"mode": "automatic"},
        "tags": {},
    }


def as_yaml(document: Mapping[str, Json]) -> str:
    """Block-style YAML."""
    return _as_yaml(json.dumps(document))


@lru_cache(maxsize=256)
def _as_yaml(document: str) -> str:
    # Every plan of a cluster renders every node's file twice, and the emitter is slow.
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.representer.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    writer.dump(json.loads(document), text)
    return text.getvalue()
