"""The server program itself says which parameters it does not take; nothing is started."""

from __future__ import annotations

import getpass
import os
import pwd

import pytest

from holdfast.providers.postgresql_programs import (
    has_lz4,
    installations,
    newest,
    parameter_fault,
)

pytestmark = pytest.mark.requires("postgres")


def user() -> str:
    """Somebody who may run a server: root may not."""
    if os.geteuid() != 0:
        return getpass.getuser()
    return next(name for name in ("postgres", "nobody") if pwd.getpwnam(name))


def fault(name: str, value: str) -> str:
    return parameter_fault(newest(installations()), user(), name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("work_mem", "16MB"),
        ("Work_Mem", "64kB"),
        ("jit", "off"),
        ("default_transaction_isolation", "repeatable read"),
        ("search_path", '"$user", public'),
        ("log_line_prefix", "%m [%p] = 'it''s' "),
        ("pg_stat_statements.max", "5000"),
        ("app.tenant", "anything"),
    ],
)
def test_a_good_value_passes(name: str, value: str) -> None:
    assert fault(name, value) == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("work_mem", "lots", 'invalid value for parameter "work_mem": "lots"'),
        ("wrok_mem", "4MB", "did you mean work_mem?"),
        ("completely_unknown", "1", "unrecognized configuration parameter"),
        ("shared_buffers", "10TB", "outside the valid range"),
        ("jit", "maybe", "requires a Boolean value"),
        ("log_min_duration_statement", "5parsecs", "Valid units"),
        ("default_transaction_isolation", "some", "Available values"),
        ("block_size", "4096", "cannot be changed"),
        ("TimeZone", "Mars/Olympus", "Mars/Olympus"),
    ],
)
def test_a_bad_one_is_told_in_the_server_s_words(name: str, value: str, said: str) -> None:
    assert said in fault(name, value)


def test_whether_a_server_knows_lz4_is_what_it_says_itself() -> None:
    installation = newest(installations())
    assert has_lz4(installation, user()) == (
        parameter_fault(installation, user(), "default_toast_compression", "lz4") == ""
    )
