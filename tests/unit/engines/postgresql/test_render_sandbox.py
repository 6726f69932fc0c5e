"""A sandbox can harm nobody, whatever the backup's own files say."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.render_sandbox import (
    Sandbox,
    restore_command,
    rules_files,
    settings,
    start_options,
)

BOX = Sandbox(PurePosixPath("/srv/hold fast/sandboxes/op-1"), "orders", "/pg/bin", "/b", "db")


def test_it_archives_nothing_listens_to_nobody_and_waits_for_no_standby():
    chosen = settings(BOX)
    for name in (
        "listen_addresses",
        "archive_command",
        "primary_conninfo",
        "synchronous_standby_names",
        "shared_preload_libraries",
    ):
        assert chosen[name] == ""
    assert chosen["archive_mode"] == "off"
    assert chosen["unix_socket_permissions"] == "0700"


def test_no_file_of_the_backup_is_read_for_settings_or_access():
    chosen = settings(BOX)
    files = {chosen[name] for name in ("config_file", "hba_file", "ident_file")}
    assert files == set(rules_files(BOX, ["db"]))


def test_a_checksum_failure_is_never_passed_over():
    chosen = settings(BOX)
    assert chosen["ignore_checksum_failure"] == chosen["zero_damaged_pages"] == "off"


def test_options_survive_the_shell_that_pg_ctl_uses():
    words = shlex.split(start_options(BOX, 15))
    assert words[::2] == ["-c"] * len(settings(BOX))
    assert words[1::2] == [f"{name}={value}" for name, value in settings(BOX).items()]
    assert "archive_library" not in start_options(BOX, 14)


def test_only_the_machine_s_users_who_need_it_get_in():
    files = rules_files(BOX, ["root", "db", "root"])
    assert (
        files[f"{BOX.conf}/pg_hba.conf"] == "local all postgres,holdfast_reader peer map=sandbox\n"
    )
    assert files[f"{BOX.conf}/pg_ident.conf"] == (
        "sandbox db postgres\nsandbox db holdfast_reader\n"
        "sandbox root postgres\nsandbox root holdfast_reader\n"
    )


def test_a_restore_goes_to_the_point_on_its_timeline_or_to_the_end():
    named = restore_command(BOX, label="20260101-010101F", point="p", timeline=3)
    assert named[3:] == [
        "--set=20260101-010101F",
        "--type=name",
        "--target=p",
        "--target-action=promote",
        "--target-timeline=3",
        "--archive-mode=off",
        "restore",
    ]
    assert "--type=default" in restore_command(BOX, label="x", point="", timeline=0)


LOG = """\
2026-11-20 07:50:00.1 UTC [9] LOG:  restored log file "00000001000000000000000C" from archive
2026-11-20 07:50:00.2 UTC [9] LOG:  recovery stopping at restore point "holdfast_op-1", time \
2026-11-20 07:49:55.123456+00
2026-11-20 07:50:00.2 UTC [9] LOG:  redo done at 0/C000028 system usage: CPU: user: 0.1 s
2026-11-20 07:50:00.2 UTC [9] LOG:  last completed transaction was at log time 2026-11-20 07:49:54
"""


def test_where_recovery_ended_is_read_from_the_log():
    assert boxes.reached(LOG) == boxes.Reached("holdfast_op-1", "0/C000028", "2026-11-20 07:49:54")
    assert boxes.reached("") == boxes.Reached()
