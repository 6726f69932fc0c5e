"""Parameters that are the same for every size: durability, replication, security, logging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.engines.postgresql.parameters_model import Case, Setting, rows
from holdfast.spec.model import Synchronous

_WAL = "PostgreSQL documentation, 20.5 Write Ahead Log"
_REPLICATION = "PostgreSQL documentation, 20.6 Replication"
_CLIENT = "PostgreSQL documentation, 20.11 Client Connection Defaults"
_VACUUM = "PostgreSQL documentation, 20.10 Automatic Vacuuming"
_STATISTICS = "PostgreSQL documentation, 20.9 Run-time Statistics"


def fixed(case: Case) -> Iterator[Setting]:
    """Every parameter that does not depend on the size."""
    yield from _durability(case)
    yield from _archiving(case)
    yield from _replication(case)
    yield from _security()
    yield from _sessions()
    yield from _planner(case)
    yield from _vacuum(case)
    yield from _statistics()


def _durability(case: Case) -> Iterator[Setting]:
    waits = case.tier.synchronous is not Synchronous.OFF
    yield from rows(
        _WAL,
        {
            "wal_level": ("replica", "standbys and archiving; logical only where it is asked for"),
            "fsync": ("on", "without it a crash of the host can destroy the cluster"),
            "full_page_writes": ("on", "a page torn by a crash is repaired from the WAL"),
            "synchronous_commit": (
                "on",
                "a commit is on disk here and on a standby before it is acknowledged"
                if waits
                else "a commit is on disk before it is acknowledged",
            ),
            "wal_log_hints": ("on", "pg_rewind needs it, or checksums; it costs nothing beside"),
            "wal_compression": _wal_compression(case),
            "checkpoint_timeout": ("15min", "fewer full page images; a standby takes over anyway"),
            "checkpoint_completion_target": ("0.9", "spreads the writes over the interval"),
        },
    )
    if case.version >= 15:
        yield Setting("recovery_prefetch", "try", "replay reads ahead where the system can", _WAL)


def _wal_compression(case: Case) -> tuple[str, str]:
    reason = "full page images shrink to about half, which disk, network and archive all carry"
    if case.version < 15:
        return "on", reason
    if case.surroundings.lz4:
        return "lz4", f"{reason}; lz4 takes a fraction of pglz's processor time"
    return "pglz", f"{reason}; this build has no lz4"


def _archiving(case: Case) -> Iterator[Setting]:
    yield from rows(
        "CIS C7.4; PostgreSQL documentation, 26.3 Continuous Archiving",
        {
            "archive_mode": ("on", "a base backup without its WAL restores nothing"),
            "archive_timeout": (
                f"{case.tier.backup.archive_timeout_s}s",
                f"bounds what {case.tier.name} loses when every node is lost at once",
            ),
        },
    )
    if case.surroundings.archive_command:
        yield Setting(
            "archive_command",
            case.surroundings.archive_command,
            "every finished segment goes to the backup repository",
            "pgBackRest user guide, Configure Archiving",
        )


def _replication(case: Case) -> Iterator[Setting]:
    yield from rows(
        _REPLICATION,
        {
            "hot_standby": ("on", "standbys answer reads and the cluster manager's questions"),
            "hot_standby_feedback": (
                "off",
                "a long read on a standby must not bloat the primary's tables",
            ),
            "max_standby_streaming_delay": (
                "30s",
                "a read on a standby is cancelled before replay falls behind further",
            ),
            "max_standby_archive_delay": ("30s", "as for streaming"),
            "wal_sender_timeout": (
                "15s",
                "a standby that is silent this long is gone; commits wait for it no longer",
            ),
            "wal_receiver_timeout": ("15s", "as for the sender"),
            "wal_receiver_status_interval": (
                "1s",
                "lag is known to the second; one small message each",
            ),
            "wal_retrieve_retry_interval": (
                "100ms",
                (
                    "after a switchover commits wait for the standby to come back; the default of "
                    "5 s would be most of the gap"
                ),
            ),
        },
    )
    yield from rows(
        "Patroni documentation, Replication modes and Important PostgreSQL parameters",
        {
            "max_prepared_transactions": (
                "0",
                "a forgotten prepared transaction holds locks and blocks vacuum for ever",
            ),
            "max_locks_per_transaction": (
                "128",
                "a query on a table with many partitions locks each of them",
            ),
            "track_commit_timestamp": ("off", "nothing here reads it"),
        },
    )


def _security() -> Iterator[Setting]:
    yield from rows(
        "CIS C6.8 and C6.10, C5.7, C5.12/V-233596",
        {
            "ssl": ("on", "every hop is encrypted"),
            "ssl_min_protocol_version": (
                "TLSv1.3",
                "libpq, PgBouncer 1.18 and every current driver speak it",
            ),
            "password_encryption": ("scram-sha-256", "md5 hashes can be replayed"),
            "authentication_timeout": ("30s", "a half-open login must not hold a connection"),
            "row_security": ("on", "a row policy holds for everybody it names"),
        },
    )


def _sessions() -> Iterator[Setting]:
    yield from rows(
        f"{_CLIENT}; STIG V-233613",
        {
            "idle_in_transaction_session_timeout": (
                "5min",
                "a forgotten transaction holds locks and stops vacuum",
            ),
            "statement_timeout": (
                "0",
                (
                    "only the application knows how long its statements may take; a limit for all "
                    "would cancel backups, index builds and reports"
                ),
            ),
            "lock_timeout": (
                "0",
                "left to the session; the migrator role has its own",
            ),
            "idle_session_timeout": ("0", "the pooler keeps idle connections on purpose"),
            "deadlock_timeout": ("1s", "also the time after which a lock wait is logged"),
            "TimeZone": ("UTC", "an answer must not depend on which node gives it"),
            "lc_messages": ("C", "messages in the log read the same on every host"),
        },
    )
    yield from rows(
        "PostgreSQL documentation, 20.3 Connections and Authentication",
        {
            "tcp_keepalives_idle": ("60", "a client that vanished is noticed in two minutes"),
            "tcp_keepalives_interval": ("10", "as above"),
            "tcp_keepalives_count": ("6", "as above"),
            "client_connection_check_interval": (
                "10s",
                "a query whose client is gone is given up",
            ),
        },
    )


def _planner(case: Case) -> Iterator[Setting]:
    ahead = (
        {}
        if case.version >= 18
        else {
            "effective_io_concurrency": ("200", "solid-state disks answer many reads at once"),
        }
    )
    yield from rows(
        "PostgreSQL documentation, 20.7 Query Planning and 20.4 Resource Consumption",
        {
            "random_page_cost": ("1.1", "on solid-state disks a random read costs a sequential"),
            "jit": ("off", "compiling takes longer than most transactional queries run"),
            **ahead,
        },
    )


def _vacuum(case: Case) -> Iterator[Setting]:
    newer: Mapping[str, tuple[str, str]] = (
        {"vacuum_buffer_usage_limit": ("2MB", "a larger ring writes less WAL; 17's own default")}
        if case.version >= 16
        else {}
    )
    yield from rows(
        _VACUUM,
        {
            "autovacuum": ("on", "without it tables bloat and transaction ids run out"),
            "autovacuum_naptime": ("30s", "small busy tables are seen to twice a minute"),
            "autovacuum_vacuum_scale_factor": ("0.1", "a tenth of dead rows, not a fifth"),
            "autovacuum_analyze_scale_factor": ("0.05", "statistics follow the data closely"),
            "autovacuum_vacuum_insert_scale_factor": (
                "0.1",
                "tables that only grow get their visibility map, and index-only scans",
            ),
            "autovacuum_vacuum_cost_limit": (
                "1000",
                "five times the default, which dates from spinning disks",
            ),
            **newer,
        },
    )


def _statistics() -> Iterator[Setting]:
    yield from rows(
        _STATISTICS,
        {
            "track_io_timing": ("on", "tells slow disks from slow plans; a clock read costs ns"),
            "track_wal_io_timing": ("on", "tells a slow WAL disk from slow commits"),
            "track_functions": ("pl", "time spent in procedures is otherwise nobody's"),
            "track_activity_query_size": ("4kB", "long statements stay readable when they hang"),
            "compute_query_id": ("on", "one id joins log, activity and statistics"),
        },
    )
