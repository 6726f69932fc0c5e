"""The files and settings of a sandbox: a restored copy that nobody but the platform reaches. Pure.

A sandbox cannot harm what it was restored from. It runs without Patroni and without a network
address, archives nothing, and reads the repository only. It is thrown away afterwards, so that
it need not survive a crash: nothing of it is forced to disk.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import POSTGRES, READER, Cluster
from holdfast.engines.postgresql.render_backup import ini, repository

MARK = "HOLDFAST_SANDBOX"
"""Environment variable of every process of a sandbox; its value is the sandbox's folder."""
_IDENT = "sandbox"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One restored copy: its folder, the stanza it comes from, and the programs it needs.

    `python` is an interpreter that `os_user` may run; it confines the others. Empty does not.
    """

    folder: PurePosixPath
    stanza: str
    bindir: str
    pgbackrest: str
    os_user: str
    python: str = ""

    @property
    def data(self) -> PurePosixPath:
        """PGDATA."""
        return self.folder / "data"

    @property
    def run(self) -> PurePosixPath:
        """The Unix socket."""
        return self.folder / "run"

    @property
    def conf(self) -> PurePosixPath:
        """Configuration, with the repository's passphrase in it."""
        return self.folder / "conf"

    @property
    def log(self) -> PurePosixPath:
        """Logs."""
        return self.folder / "log"

    @property
    def backup_file(self) -> PurePosixPath:
        """pgBackRest's configuration."""
        return self.conf / "pgbackrest.conf"

    @property
    def server_log(self) -> PurePosixPath:
        """What PostgreSQL says."""
        return self.log / "postgresql.log"


def sandbox_of(cluster: Cluster, owner: str) -> Sandbox:
    """The sandbox of an operation on a cluster."""
    return Sandbox(
        folder=sandbox_folder(cluster.site, owner),
        stanza=cluster.name,
        bindir=cluster.installation.bindir,
        pgbackrest=cluster.installation.pgbackrest,
        os_user=cluster.site.os_user,
        python=cluster.installation.python,
    )


def sandbox_folder(site: Site, owner: str) -> PurePosixPath:
    """Where the sandbox of an operation stands."""
    return site.sandboxes / owner


def backup_file(cluster: Cluster, sandbox: Sandbox) -> str:
    """pgBackRest's configuration, with the repository's passphrase as a placeholder."""
    return ini(
        {
            "global": {
                **repository(cluster),
                "log-path": str(sandbox.log),
                "lock-path": str(sandbox.run),
                "spool-path": str(sandbox.run),
                "process-max": "2",
                # A second look at once; the further ones would wait for 15 seconds each.
                "job-retry": "1",
            },
            sandbox.stanza: {"pg1-path": str(sandbox.data)},
        }
    )


def restore_command(
    sandbox: Sandbox,
    *,
    label: str,
    point: str,
    timeline: int,
    way: str = "name",
    over: bool = False,
) -> list[str]:
    """Restore a backup and recover it up to a point; to the archive's end without one.

    `way` says what `point` is: a restore point's `name`, an `lsn` or a `time`. With `over`, files
    of the copy before that hash to what the manifest says are left where they are.
    """
    if point:
        target = [f"--type={way}", f"--target={point}", "--target-action=promote"]
        target += [f"--target-timeline={timeline}"]
        # A restore point's position is its end: what begins there comes after it.
        target += ["--target-exclusive"] if way == "lsn" else []
    else:
        target = ["--type=default"]
    return [
        sandbox.pgbackrest,
        f"--config={sandbox.backup_file}",
        f"--stanza={sandbox.stanza}",
        f"--set={label}",
        *target,
        "--archive-mode=off",
        *(["--delta"] if over else []),
        "restore",
    ]


def rules_files(sandbox: Sandbox, guests: Sequence[str]) -> dict[str, str]:
    """pg_hba.conf and pg_ident.conf: only these users of the machine, as superuser or reader."""
    roles = (POSTGRES, READER)
    mapped = "".join(
        f"{_IDENT} {guest} {role}\n" for guest in sorted(set(guests)) for role in roles
    )
    return {
        str(sandbox.conf / "pg_hba.conf"): f"local all {','.join(roles)} peer map={_IDENT}\n",
        str(sandbox.conf / "pg_ident.conf"): mapped,
        # The one in the data folder names the source's addresses, paths and archive command.
        str(sandbox.conf / "postgresql.conf"): "",
    }


def settings(sandbox: Sandbox, *, jobs: int = 2) -> dict[str, str]:
    """Given on the command line, so that no file of the backup overrules them."""
    return {
        "config_file": str(sandbox.conf / "postgresql.conf"),
        "hba_file": str(sandbox.conf / "pg_hba.conf"),
        "ident_file": str(sandbox.conf / "pg_ident.conf"),
        "listen_addresses": "",
        "unix_socket_directories": str(sandbox.run),
        "unix_socket_permissions": "0700",
        "archive_mode": "off",
        "archive_command": "",
        "archive_library": "",
        "ssl": "off",
        "shared_preload_libraries": "",
        "synchronous_standby_names": "",
        "primary_conninfo": "",
        # Recovery of a hot standby refuses smaller limits than the source's; this one needs none.
        "hot_standby": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # A subscription in the copy would take what its original waits for.
        "max_logical_replication_workers": "0",
        "max_prepared_transactions": "1000",
        "max_connections": "20",
        "max_worker_processes": "8",
        "max_parallel_workers_per_gather": str(jobs),
        "max_locks_per_transaction": "256",
        "shared_buffers": "64MB",
        "maintenance_work_mem": "64MB",
        "work_mem": "16MB",
        # Leaves nothing in /dev/shm when it is killed.
        "dynamic_shared_memory_type": "mmap",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "1h",
        "autovacuum": "off",
        "wal_consistency_checking": "",
        # A crash would otherwise heal itself between two checks.
        "restart_after_crash": "off",
        "ignore_checksum_failure": "off",
        "zero_damaged_pages": "off",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_min_messages": "log",
        "log_line_prefix": "%m [%p] ",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "jit": "off",
        "log_startup_progress_interval": "1s",
    }


def start_options(sandbox: Sandbox, version: int) -> str:
    """What `pg_ctl -o` takes: the settings, quoted for the shell that pg_ctl uses."""
    chosen = settings(sandbox)
    if version < 15:
        del chosen["archive_library"]
        del chosen["log_startup_progress_interval"]
    return shlex.join(part for name, value in chosen.items() for part in ("-c", f"{name}={value}"))
