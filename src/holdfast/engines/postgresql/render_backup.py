"""pgBackRest's configuration files: one a node for archiving, one a cluster for backups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdfast.core.layout import POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import (
    POSTGRES,
    Cluster,
    Node,
    given,
    repository_key,
    secret,
)


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
        # Expiry is the platform's, which knows what is proven: see recovery.retention. The number
        # only says that WAL is kept as far back as there are backups.
        "repo1-retention-full": "9999999",
        "repo1-retention-full-type": "count",
        **_second(cluster),
        "compress-type": "lz4",
        "log-level-console": "warn",
        "log-level-file": "detail",
        "log-level-stderr": "off",
    }


def repositories(cluster: Cluster) -> tuple[int, ...]:
    """The numbers of the cluster's repositories."""
    return (1,) if cluster.tier.backup.second is None else (1, 2)


def second_folder(cluster: Cluster) -> str:
    """The cluster's folder, or prefix, in the second repository."""
    second = cluster.tier.backup.second
    assert second is not None
    return f"{second.path.rstrip('/')}/{cluster.name}"


def _second(cluster: Cluster) -> dict[str, str]:
    second = cluster.tier.backup.second
    if second is None:
        return {}
    options = {
        "path": second_folder(cluster),
        "cipher-type": "aes-256-cbc",
        "cipher-pass": secret(repository_key(cluster.name)),
        "bundle": "y",
        "retention-full": "9999999",
        "retention-full-type": "count",
    }
    if second.type == "s3":
        options |= {
            "type": "s3",
            "s3-bucket": second.bucket,
            "s3-endpoint": second.endpoint,
            "s3-region": second.region,
            # In the path, because a bucket in the host's name wants a certificate for it.
            "s3-uri-style": "path",
            "storage-port": str(second.port),
            "s3-key": secret(given(f"{second.credentials}-key")),
            "s3-key-secret": secret(given(f"{second.credentials}-secret")),
        }
        options |= {"storage-ca-file": second.ca_file} if second.ca_file else {}
    return {f"repo2-{name}": value for name, value in options.items()}


def processes(cluster: Cluster) -> int:
    """How many processes compress and copy: as many as the size has processors, two at the least.

    Beyond eight, the repository or the network is what is waited for.
    """
    return min(8, max(2, cluster.size.cpu))


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
                "expire-auto": "n",
                "process-max": str(processes(cluster)),
                "log-path": str(folder / "log"),
                "lock-path": str(folder / "run"),
            },
            cluster.name: _servers(cluster.nodes),
        }
    )
