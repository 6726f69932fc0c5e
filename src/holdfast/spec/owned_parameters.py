"""Parameters of PostgreSQL that no document may set, each with the reason to show.

Everything else in a `parameters:` block is the tier's to allow. A name stands here when its value
is part of a promise (durability, encryption, audit), of the cluster's wiring (paths, addresses,
archiving, replication), or computed from another field of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_WIRING = "the platform places the node's files, sockets and addresses"
_ARCHIVE = "backups and point-in-time recovery depend on the platform's own archiving"
_RECOVERY = "recovery is steered by failover and restore"
_REPLICATION = "replication is steered by the cluster manager"
_DURABILITY = "it decides whether an acknowledged write survives, which is the tier's promise"
_TRANSPORT = "encryption in transit is the same for every database"
_LOGIN = "how clients prove who they are is the same for every database"
_AUDIT = "the log is evidence: where it goes, who reads it and what it names are fixed"
_DAMAGE = "it hides or spreads damage to data and is for repair by hand only"
_CODE = "it loads code into the server; declare the extension instead"

_REASONS: Mapping[str, tuple[str, ...]] = {
    _WIRING: (
        "cluster_name",
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "port",
        "stats_temp_directory",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
        "bonjour",
        "bonjour_name",
        "event_source",
        "include",
        "include_dir",
        "include_if_exists",
    ),
    _ARCHIVE: (
        "archive_command",
        "archive_library",
        "archive_mode",
        "archive_timeout",
        "max_slot_wal_keep_size",
        "wal_keep_size",
    ),
    _RECOVERY: (
        "archive_cleanup_command",
        "hot_standby",
        "promote_trigger_file",
        "recovery_end_command",
        "recovery_init_sync_method",
        "recovery_min_apply_delay",
        "recovery_target",
        "recovery_target_action",
        "recovery_target_inclusive",
        "recovery_target_lsn",
        "recovery_target_name",
        "recovery_target_time",
        "recovery_target_timeline",
        "recovery_target_xid",
        "restart_after_crash",
        "restore_command",
    ),
    _REPLICATION: (
        "max_replication_slots",
        "max_wal_senders",
        "primary_conninfo",
        "primary_slot_name",
        "sync_replication_slots",
        "synchronized_standby_slots",
        "synchronous_standby_names",
        "wal_receiver_create_temp_slot",
        "wal_receiver_timeout",
        "wal_retrieve_retry_interval",
        "wal_sender_timeout",
    ),
    _DURABILITY: (
        "data_sync_retry",
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "wal_log_hints",
        "wal_sync_method",
    ),
    _TRANSPORT: (
        "ssl",
        "ssl_ca_file",
        "ssl_cert_file",
        "ssl_ciphers",
        "ssl_crl_dir",
        "ssl_crl_file",
        "ssl_dh_params_file",
        "ssl_ecdh_curve",
        "ssl_groups",
        "ssl_key_file",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "ssl_passphrase_command",
        "ssl_passphrase_command_supports_reload",
        "ssl_prefer_server_ciphers",
        "ssl_tls13_ciphers",
    ),
    _LOGIN: (
        "authentication_timeout",
        "createrole_self_grant",
        "db_user_namespace",
        "gss_accept_delegation",
        "krb_caseins_users",
        "krb_server_keyfile",
        "oauth_validator_libraries",
        "password_encryption",
        "row_security",
        "scram_iterations",
    ),
    _AUDIT: (
        "log_connections",
        "log_destination",
        "log_directory",
        "log_disconnections",
        "log_file_mode",
        "log_filename",
        "log_line_prefix",
        "log_replication_commands",
        "log_rotation_age",
        "log_rotation_size",
        "log_truncate_on_rotation",
        "logging_collector",
        "pgaudit.log",
        "syslog_facility",
        "syslog_ident",
    ),
    _DAMAGE: (
        "allow_in_place_tablespaces",
        "allow_system_table_mods",
        "ignore_checksum_failure",
        "ignore_invalid_pages",
        "ignore_system_indexes",
        "zero_damaged_pages",
    ),
    _CODE: (
        "dynamic_library_path",
        "extension_control_path",
        "jit_provider",
        "local_preload_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
    ),
    "it follows from the size; set `connections` in the document": ("max_connections",),
    "connections are kept back so that the platform can get in": (
        "reserved_connections",
        "superuser_reserved_connections",
    ),
}

PLATFORM_OWNED: Mapping[str, str] = MappingProxyType(
    {name: reason for reason, names in _REASONS.items() for name in names}
)
"""Name in lower case to the reason, a clause that completes "... may not be set, because"."""
