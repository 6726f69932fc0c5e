"""A stage: the folder in which a copy is recovered before a cluster takes it over. Pure.

It is a sandbox whose data are meant to last: everything is forced to disk, and what a promoted copy
writes is marked for the archive. Nothing of it can get there from here: the archive command is
empty, and the only configuration of pgBackRest in reach may not write.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath

from holdfast.engines.postgresql.catalog.names import Roles
from holdfast.engines.postgresql.cluster import POSTGRES, Cluster
from holdfast.engines.postgresql.parameters_contexts import AT_LEAST_AS_ON_THE_LEADER
from holdfast.engines.postgresql.render_backup import ini, repositories
from holdfast.engines.postgresql.render_patroni import cluster_parameters
from holdfast.engines.postgresql.render_sandbox import Sandbox, backup_file, settings
from holdfast.recovery.target import Target

FOLDER = "r"
"""Within the cluster's folder, and short: Unix sockets allow 107 bytes."""


def stage_of(cluster: Cluster, source: Cluster) -> Sandbox:
    """The stage of a cluster, for data of a source, which may be itself.

    Its programs may write to its own folder only, where the kernel can see to that. A repository in
    an object store needs the network, which the same confinement would take away.
    """
    second = source.tier.backup.second
    remote = second is not None and second.type == "s3"
    return Sandbox(
        folder=stage_folder(cluster),
        stanza=source.name,
        python="" if remote else cluster.installation.python,
        bindir=cluster.installation.bindir,
        pgbackrest=cluster.installation.pgbackrest,
        os_user=cluster.site.os_user,
    )


def stage_folder(cluster: Cluster) -> PurePosixPath:
    """On the file system of the nodes' data, so that handing over is a rename."""
    return cluster.site.cluster(cluster.name) / FOLDER


_WRITING = ("archive-push", "backup", "expire", "stanza-create", "stanza-delete", "stanza-upgrade")
_NOWHERE = "/proc/holdfast-may-only-read"
"""Nobody can make a file there."""


def stage_backup_file(source: Cluster, stage: Sandbox) -> str:
    """pgBackRest's configuration: it reads the source's repository, and writes to none.

    Every command that would write is told of another place, where nothing can be.
    """
    nowhere = {f"repo{number}-path": _NOWHERE for number in repositories(source)}
    barred = {f"global:{command}": nowhere for command in _WRITING}
    return backup_file(source, stage) + ini(barred)


def restore_command(
    stage: Sandbox, target: Target, *, label: str, repository: int, timeline: int, delta: bool
) -> list[str]:
    """Restore a backup and have it recover to the target; `delta` goes on with a broken one."""
    return [
        stage.pgbackrest,
        f"--config={stage.backup_file}",
        f"--stanza={stage.stanza}",
        f"--set={label}",
        f"--repo={repository}",
        *_target(target),
        f"--target-timeline={timeline}",
        # Whatever else should go wrong: the copy itself does not archive.
        "--archive-mode=off",
        *(["--delta"] if delta else []),
        "restore",
    ]


def _target(target: Target) -> list[str]:
    if target.kind == "latest":
        return ["--type=default"]
    value = f"{target.at:%Y-%m-%d %H:%M:%S.%f}+00" if target.kind == "time" else target.value
    return [f"--type={target.kind}", f"--target={value}", "--target-action=promote"]


def recovery_settings(target_timeline: int, restore: str) -> str:
    """What has a data folder that was shut down recover to its timeline's end and leave it."""
    return (
        f"restore_command = '{restore}'\n"
        f"recovery_target_timeline = '{target_timeline}'\n"
        "recovery_target_action = 'promote'\n"
    )


def copy_settings(restore: str) -> str:
    """What has a copy of a running server recover to the point where it is whole, and go on."""
    return (
        f"restore_command = '{restore}'\n"
        "recovery_target = 'immediate'\n"
        "recovery_target_action = 'promote'\n"
        "recovery_target_timeline = 'current'\n"
    )


def archive_get(stage: Sandbox) -> str:
    """The restore command of a stage."""
    return (
        f"{stage.pgbackrest} --config={stage.backup_file} --stanza={stage.stanza} "
        'archive-get %f "%p"'
    )


def stage_settings(stage: Sandbox, cluster: Cluster) -> dict[str, str]:
    """Given on the command line, so that no file of the backup overrules them."""
    chosen = settings(stage)
    wanted = {each.name: each.value for each in cluster_parameters(cluster)}
    for name in AT_LEAST_AS_ON_THE_LEADER:
        # The control file keeps these, and the cluster's servers would have to follow them.
        chosen.pop(name, None)
        if name in wanted:
            chosen[name] = wanted[name]
    return chosen | {
        "wal_level": wanted.get("wal_level", "replica"),
        # In place, what is written here belongs into the archive: it is marked, and the cluster
        # archives it later. A new database begins its archive with its own first segment.
        "archive_mode": "on" if stage.stanza == cluster.name else "off",
        "archive_command": "",
        # A segment that is used again would still hold what it held.
        "wal_recycle": "off",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "local",
        "data_sync_retry": "off",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "15min",
    }


def stage_rules(stage: Sandbox, cluster: Cluster, me: str) -> dict[str, str]:
    """pg_hba.conf and pg_ident.conf: the platform alone, as superuser or as the owner of the data.

    What runs an owner's code, such as a rewrite of a table with its checks, runs as the owner.
    """
    roles = (POSTGRES, Roles(cluster.name).migrator)
    guests = sorted({stage.os_user, me})
    return {
        str(stage.conf / "pg_hba.conf"): f"local all {','.join(roles)} peer map={FOLDER}\n",
        str(stage.conf / "pg_ident.conf"): "".join(
            f"{FOLDER} {guest} {role}\n" for guest in guests for role in roles
        ),
    }


def start_options(stage: Sandbox, cluster: Cluster) -> str:
    """What `pg_ctl -o` takes."""
    chosen = stage_settings(stage, cluster)
    if cluster.version < 15:
        for name in ("archive_library", "log_startup_progress_interval"):
            chosen.pop(name, None)
    return shlex.join(part for name, value in chosen.items() for part in ("-c", f"{name}={value}"))


def role_names(old: str, new: str) -> Mapping[str, str]:
    """The platform's roles of one database by those of another."""
    before, after = Roles(old), Roles(new)
    names = ("owner", "migrator", "rw", "ro")
    pairs = {getattr(before, each): getattr(after, each) for each in names}
    pairs |= dict(zip(before.apps, after.apps, strict=True))
    return pairs | dict(zip(before.readers, after.readers, strict=True))
