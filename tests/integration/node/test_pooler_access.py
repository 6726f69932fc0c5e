"""Who gets into a pooler, on which way, and who does not."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from tests.conftest import find_program
from tests.integration.node.rig import CLOSED, PASSWORD, Rig


def connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)


async def test_the_leaders_pooler_uses_the_socket_and_the_others_tls(rig: Rig) -> None:
    leader = await rig.leader()
    for node in rig.nodes:
        with connect(rig.dsn(node)) as connection:
            row = connection.execute(
                "SELECT pg_is_in_recovery(), inet_client_addr() IS NULL, "
                "(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())"
            ).fetchone()
        assert row == (False, node is leader, node is not leader)


async def test_the_read_only_pooler_uses_its_own_replica(rig: Rig) -> None:
    leader = await rig.leader()
    for node in rig.nodes:
        with connect(rig.dsn(node, 6433)) as connection:
            row = connection.execute(
                "SELECT pg_is_in_recovery(), inet_client_addr() IS NULL"
            ).fetchone()
        assert row == (True, node is not leader)


def test_every_database_is_served(rig: Rig) -> None:
    with connect(rig.dsn(rig.nodes[0], database="stock")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("stock",)


@pytest.mark.parametrize("port", [6432, 6433])
def test_a_connection_without_tls_is_refused(rig: Rig, port: int) -> None:
    with pytest.raises(psycopg.OperationalError, match="SSL required"):
        connect(rig.dsn(rig.nodes[0], port, sslmode="disable"))


@pytest.mark.parametrize("user", [*CLOSED, "pgbouncer", "nobody"])
@pytest.mark.parametrize("password", ["md5", PASSWORD])
def test_nobody_is_let_in_as_a_user_of_the_platform(rig: Rig, user: str, password: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(rig.dsn(rig.nodes[0], user=user, password=password))


@pytest.mark.parametrize("user", ["pgbouncer", "shop_app"])
def test_the_console_is_closed_to_the_network(rig: Rig, user: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(rig.dsn(rig.nodes[0], database="pgbouncer", user=user, connect_timeout="2"))


def test_a_wrong_password_is_refused(rig: Rig) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        connect(rig.dsn(rig.nodes[0], password="wrong"))


def test_a_new_password_works_at_once(rig: Rig) -> None:
    """The verifier is asked for at each login, and kept nowhere."""
    for node in rig.nodes:
        with connect(rig.dsn(node)) as connection:
            connection.execute("ALTER ROLE shop_app PASSWORD 'another'")
        try:
            for each in rig.nodes:
                with connect(rig.dsn(each, password="another")) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            with connect(rig.dsn(node, password="another")) as connection:
                connection.execute(f"ALTER ROLE shop_app PASSWORD '{PASSWORD}'")


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_pgbench_runs_through_every_pooler(rig: Rig, protocol: str) -> None:
    for node in rig.nodes:
        done = subprocess.run(
            [
                str(find_program("pgbench")),
                *("-n", "-M", protocol, "-c", "4", "-t", "20"),
                *("-f", "-", rig.dsn(node)),
            ],
            input=b"SELECT 1;\n",
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert b"number of failed transactions: 0 " in done.stdout
