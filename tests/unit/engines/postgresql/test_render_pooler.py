"""The poolers' files: what must stand in them, and what a version does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.engines.postgresql.render_pooler import (
    PoolerSettings,
    pool_size,
    pooler_ini,
    pooler_settings,
    user_list,
)

SETTINGS = PoolerSettings(
    address="10.0.0.1",
    port=6432,
    socket_folder="/node/run",
    databases_file="/node/run/rw.ini",
    users_file="/node/conf/users",
    ca="/pki/ca.crt",
    server="/pki/server",
    client="/pki/holdfast_pooler",
    auth_user="holdfast_pooler",
    pool_size=20,
)


def values(settings: PoolerSettings = SETTINGS) -> dict[str, str]:
    pairs = [
        line.split("=", 1)
        for line in pooler_ini(settings).splitlines()
        if "=" in line and not line.startswith(";")
    ]
    return {name.strip(): value.strip() for name, value in pairs}


def test_the_include_comes_first_so_that_its_section_does_not_swallow_the_settings() -> None:
    lines = pooler_ini(SETTINGS).splitlines()
    assert lines.index("%include /node/run/rw.ini") < lines.index("[pgbouncer]")


def test_nothing_goes_in_the_clear() -> None:
    found = values()
    assert found["client_tls_sslmode"] == "require"
    assert found["server_tls_sslmode"] == "verify-full"
    assert found["auth_type"] == "scram-sha-256"


def test_the_console_is_for_the_nodes_own_user_alone() -> None:
    found = values()
    assert (found["admin_users"], found["stats_users"]) == ("", "")
    assert found["unix_socket_mode"] == "0700"


def test_clients_wait_longer_than_a_failover_takes() -> None:
    assert float(values()["query_wait_timeout"]) > 25
    assert float(values()["client_login_timeout"]) > 25


def test_a_silent_host_is_given_up_before_the_next_leader_is_elected() -> None:
    found = values()
    idle, interval, count = (int(found[f"tcp_keep{part}"]) for part in ("idle", "intvl", "cnt"))
    assert idle + interval * count < 20
    assert int(found["tcp_user_timeout"]) < 20_000


def test_a_version_gets_only_what_it_knows() -> None:
    assert "max_prepared_statements" not in values()
    assert values(replace(SETTINGS, version=(1, 21)))["max_prepared_statements"] == "200"
    assert "tcp_user_timeout" not in values(replace(SETTINGS, version=(1, 15)))


def test_no_setting_stands_twice_and_each_has_a_reason() -> None:
    rows = pooler_settings(SETTINGS)
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.reason and "\n" not in row.reason for row in rows)


@pytest.mark.parametrize(
    ("max_connections", "poolers", "databases", "expected"),
    [(50, 3, 1, 15), (100, 3, 1, 40), (500, 3, 2, 120), (100, 1, 1, 80), (20, 3, 5, 4)],
)
def test_pools_leave_room_for_the_platform(
    max_connections: int, poolers: int, databases: int, expected: int
) -> None:
    assert pool_size(max_connections, poolers, databases) == expected


def test_a_storm_of_logins_leaves_the_connections_to_the_applications() -> None:
    lines = pooler_ini(SETTINGS).splitlines()
    section = lines[lines.index("[users]") :]
    assert section[-1] == "holdfast_pooler = max_user_connections=2"


def test_nobody_can_be_a_user_of_the_list() -> None:
    lines = user_list(["postgres", 'odd"name', "postgres"]).splitlines()
    assert [line.split('" "')[0] for line in lines] == ['"odd""name', '"pgbouncer', '"postgres']
    assert all('"SCRAM-SHA-256$4096:' in line for line in lines)
