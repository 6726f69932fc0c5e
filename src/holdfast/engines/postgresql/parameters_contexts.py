"""When a parameter takes hold, known without asking a server.

Read from `postgres --describe-config` of PostgreSQL 15, 16 and 18; whatever is not listed can be
set by any session.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.engines.postgresql.parameters_model import Context

_POSTMASTER = """
    archive_mode autovacuum_freeze_max_age autovacuum_max_workers
    autovacuum_multixact_freeze_max_age autovacuum_worker_slots bonjour bonjour_name
    cluster_name commit_timestamp_buffers data_directory data_sync_retry
    dynamic_shared_memory_type event_source external_pid_file hba_file hot_standby
    huge_page_size huge_pages ident_file io_max_combine_limit io_max_concurrency io_method
    jit_provider listen_addresses logging_collector max_active_replication_origins
    max_connections max_files_per_process max_locks_per_transaction
    max_logical_replication_workers max_notify_queue_pages max_pred_locks_per_transaction
    max_prepared_transactions max_replication_slots max_wal_senders max_worker_processes
    min_dynamic_shared_memory multixact_member_buffers multixact_offset_buffers
    notify_buffers old_snapshot_threshold pg_stat_statements.max port recovery_target
    recovery_target_action recovery_target_inclusive recovery_target_lsn
    recovery_target_name recovery_target_time recovery_target_timeline recovery_target_xid
    reserved_connections serializable_buffers shared_buffers shared_memory_type
    shared_preload_libraries subtransaction_buffers superuser_reserved_connections
    track_activity_query_size track_commit_timestamp transaction_buffers
    unix_socket_directories unix_socket_group unix_socket_permissions wal_buffers
    wal_decode_buffer_size wal_level wal_log_hints
"""
_SIGHUP = """
    allow_alter_system archive_cleanup_command archive_command archive_library
    archive_timeout authentication_timeout autovacuum autovacuum_analyze_scale_factor
    autovacuum_analyze_threshold autovacuum_naptime autovacuum_vacuum_cost_delay
    autovacuum_vacuum_cost_limit autovacuum_vacuum_insert_scale_factor
    autovacuum_vacuum_insert_threshold autovacuum_vacuum_max_threshold
    autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold autovacuum_work_mem
    bgwriter_delay bgwriter_flush_after bgwriter_lru_maxpages bgwriter_lru_multiplier
    checkpoint_completion_target checkpoint_flush_after checkpoint_timeout
    checkpoint_warning db_user_namespace file_extend_method fsync full_page_writes
    gss_accept_delegation hot_standby_feedback idle_replication_slot_timeout io_workers
    krb_caseins_users krb_server_keyfile log_autovacuum_min_duration log_checkpoints
    log_destination log_directory log_file_mode log_filename log_hostname log_line_prefix
    log_recovery_conflict_waits log_rotation_age log_rotation_size
    log_startup_progress_interval log_timezone log_truncate_on_rotation
    max_parallel_apply_workers_per_subscription max_pred_locks_per_page
    max_pred_locks_per_relation max_slot_wal_keep_size max_standby_archive_delay
    max_standby_streaming_delay max_sync_workers_per_subscription max_wal_size min_wal_size
    oauth_validator_libraries pg_stat_statements.save primary_conninfo primary_slot_name
    promote_trigger_file recovery_end_command recovery_init_sync_method
    recovery_min_apply_delay recovery_prefetch restart_after_crash restore_command ssl
    ssl_ca_file ssl_cert_file ssl_ciphers ssl_crl_dir ssl_crl_file ssl_dh_params_file
    ssl_ecdh_curve ssl_groups ssl_key_file ssl_max_protocol_version ssl_min_protocol_version
    ssl_passphrase_command ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers
    ssl_tls13_ciphers stats_temp_directory summarize_wal sync_replication_slots
    synchronized_standby_slots synchronous_standby_names syslog_facility syslog_ident
    syslog_sequence_numbers syslog_split_messages vacuum_defer_cleanup_age wal_keep_size
    wal_receiver_create_temp_slot wal_receiver_status_interval wal_receiver_timeout
    wal_retrieve_retry_interval wal_summary_keep_time wal_sync_method wal_writer_delay
    wal_writer_flush_after
"""
_SUPERUSER_BACKEND = """
    log_connections log_disconnections
"""
_SUPERUSER = """
    commit_delay compute_query_id deadlock_timeout dynamic_library_path event_triggers
    extension_control_path extension_destdir lc_messages lo_compat_privileges log_duration
    log_error_verbosity log_executor_stats log_lock_failures log_lock_waits
    log_min_duration_sample log_min_duration_statement log_min_error_statement
    log_min_messages log_parameter_max_length log_parser_stats log_planner_stats
    log_replication_commands log_statement log_statement_sample_rate log_statement_stats
    log_temp_files log_transaction_sample_rate max_stack_depth output_plugin_libraries
    pg_stat_statements.track pg_stat_statements.track_planning
    pg_stat_statements.track_utility pgaudit.log pgaudit.log_catalog pgaudit.log_parameter
    pgaudit.log_relation session_preload_libraries session_replication_role temp_file_limit
    track_activities track_cost_delay_timing track_counts track_functions track_io_timing
    track_wal_io_timing update_process_title wal_compression wal_init_zero wal_recycle
"""

_CONTEXTS: Mapping[str, Context] = {
    **dict.fromkeys(_SUPERUSER.lower().split(), "superuser"),
    **dict.fromkeys(_SUPERUSER_BACKEND.lower().split(), "superuser-backend"),
    **dict.fromkeys(_SIGHUP.lower().split(), "sighup"),
    **dict.fromkeys(_POSTMASTER.lower().split(), "postmaster"),
}


AT_LEAST_AS_ON_THE_LEADER = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
)
"""A standby with less of one of these than its primary does not start.

PostgreSQL documentation, 27.4.3 (Hot Standby, Administrator's Overview)."""


def context(version: int, name: str) -> Context:
    """When a new value of the parameter takes hold on this major version."""
    if name == "autovacuum_max_workers" and version >= 18:
        return "sighup"
    return _CONTEXTS.get(name.lower(), "user")
