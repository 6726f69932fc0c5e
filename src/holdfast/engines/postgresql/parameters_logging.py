"""What the server writes down: the CIS benchmark's logging chapter, and what diagnosis needs."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.engines.postgresql.parameters_model import Case, Setting, rows

LINE_PREFIX = "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h "
"""Time, process, line of the session, and who: what CIS C3.1.24 asks for."""


def logging(case: Case) -> Iterator[Setting]:
    """Every parameter about the log."""
    yield from _files()
    yield from _contents()
    yield from _connections(case)
    yield from _diagnosis(case)


def _files() -> Iterator[Setting]:
    for number, name, value, reason in (
        ("C3.1.2", "log_destination", "stderr", "one file that people and programs both read"),
        ("C3.1.3", "logging_collector", "on", "no line is lost, whoever started the server"),
        (
            "C3.1.5",
            "log_filename",
            "postgresql-%a.log",
            "one file a weekday: a week is kept, and the disk is bounded",
        ),
        ("C3.1.6/V-233549", "log_file_mode", "0600", "a log holds statements: nobody else's"),
        ("C3.1.7", "log_truncate_on_rotation", "on", "last week's file makes room"),
        ("C3.1.8", "log_rotation_age", "1d", "one file a day"),
        ("C3.1.9", "log_rotation_size", "0", "by day only, or a file would be cut within one"),
    ):
        yield Setting(name, value, reason, f"CIS {number}")


def _contents() -> Iterator[Setting]:
    for number, name, value, reason in (
        ("C3.1.14", "log_min_messages", "warning", "what an operator can act on"),
        ("C3.1.15", "log_min_error_statement", "error", "an error without its statement is mute"),
        ("C3.1.16", "debug_print_parse", "off", "prints data and floods the log"),
        ("C3.1.17", "debug_print_rewritten", "off", "prints data and floods the log"),
        ("C3.1.18", "debug_print_plan", "off", "prints data and floods the log"),
        ("C3.1.22", "log_error_verbosity", "verbose", "with SQLSTATE, which alerts match on"),
        ("C3.1.23", "log_hostname", "off", "a name look-up would delay every login"),
        ("C3.1.24", "log_line_prefix", LINE_PREFIX, "when, who, from where, in which session"),
        ("C3.1.25", "log_statement", "ddl", "who changed the schema, and when"),
        ("C3.1.26", "log_timezone", "UTC", "logs of all nodes fall into one order"),
        ("C7.2", "log_replication_commands", "on", "who copied the data away"),
    ):
        yield Setting(name, value, reason, f"CIS {number}")
    yield from rows(
        "PostgreSQL documentation, 20.8 Error Reporting and Logging",
        {
            "log_parameter_max_length": ("0", "values bound to a statement are personal data"),
            "log_parameter_max_length_on_error": ("0", "as above"),
        },
    )


def _connections(case: Case) -> Iterator[Setting]:
    value = "receipt,authentication,authorization" if case.version >= 18 else "on"
    yield Setting("log_connections", value, "who came in, and how", "CIS C3.1.20/V-233558")
    yield Setting("log_disconnections", "on", "and for how long", "CIS C3.1.21/V-233554")


def _diagnosis(case: Case) -> Iterator[Setting]:
    yield from rows(
        "PostgreSQL documentation, 20.8 Error Reporting and Logging",
        {
            "log_checkpoints": ("on", "explains pauses of the disk"),
            "log_lock_waits": ("on", "names who waited for whom"),
            "log_recovery_conflict_waits": ("on", "names the read that held up replay"),
            "log_min_duration_statement": ("1s", "a slow statement is worth a line"),
            "log_autovacuum_min_duration": ("10s", "a vacuum that takes long is worth a line"),
            "log_temp_files": ("10MB", "a query that spills shows that work_mem is too small"),
        },
    )
    if case.version >= 15:
        yield Setting(
            "log_startup_progress_interval",
            "5s",
            "a long crash recovery says how far it is",
            "PostgreSQL documentation, 20.8 Error Reporting and Logging",
        )
