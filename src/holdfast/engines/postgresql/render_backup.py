"""pgBackRest's configuration files: one a node for archiving, one a cluster for backups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdfast.core.layout import POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import POSTGRES, Cluster, Node, repository_key, secret


def ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    """A configuration file from its sections."""
    lines: list[str] = []
    for name, options in sections.items():
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in options.items()), ""]
    return "\n".join(lines)


def repository(cluster: Cluster) -> dict[str, str]:
    """Where the backups are, their passphrase as a placeholder, and how much to say of it."""
    return {
        "repo1-path": str(cluster.site.repository(cluster.name)),
        "repo1-cipher-type": "aes-256-cbc",
        "repo1-cipher-pass": secret(repository_key(cluster.name)),
        "repo1-bundle": "y",
        "repo1-retention-full": str(cluster.tier.backup.retention_full),
        "repo1-retention-full-type": "count",
        "compress-type": "lz4",
        "log-level-console": "warn",
        "log-level-file": "detail",
        "log-level-stderr": "off",
    }


def _servers(nodes: Iterable[Node]) -> dict[str, str]:
    options: dict[str, str] = {}
    for number, node in enumerate(nodes, start=1):
        options |= {
            f"pg{number}-path": str(node.paths.data),
            f"pg{number}-port": str(POSTGRESQL_PORT),
            f"pg{number}-socket-path": str(node.paths.run),
            f"pg{number}-user": POSTGRES,
        }
    return options


def node_backup_file(cluster: Cluster, node: Node) -> str:
    """What `archive_command` and `restore_command` read on one node.

    Archiving is synchronous: on a repository in the file system one segment takes less than the
    start of a second process, and a planned switchover waits for the last one. There is no
    `archive-push-queue-max`: it would drop WAL and report success.
    """
    return ini(
        {
            "global": {
                **repository(cluster),
                "log-path": str(node.paths.log),
                "lock-path": str(node.paths.run),
            },
            cluster.name: _servers([node]),
        }
    )


def cluster_backup_file(cluster: Cluster) -> str:
    """What backups, `check` and expiry read: every node is named, pgBackRest finds the primary."""
    folder = cluster.site.cluster(cluster.name)
    return ini(
        {
            "global": {
                **repository(cluster),
                "start-fast": "y",
                "process-max": "2",
                "log-path": str(folder / "log"),
                "lock-path": str(folder / "run"),
            },
            cluster.name: _servers(cluster.nodes),
        }
    )
