"""The two PgBouncers of a node: configuration and user list. Pure.

Transaction mode; TLS and SCRAM for clients; TLS with a client certificate to other nodes, and
the Unix socket to the node's own PostgreSQL. Which server each pooler leads to stands in an
include file that belongs to the node agent. Every setting is a row with its reason, and the
reason stands beside it in the file.

How logins work: PgBouncer asks `pool_login` in the wanted database for the client's SCRAM
verifier, as a role that the server knows by certificate or by the user of the operating system.
The client's own login leaves PgBouncer with the keys to log in to the server on its behalf, so
no password is stored anywhere. While there is no server to ask, a login waits like a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

AUTH_QUERY = "SELECT usename, passwd FROM holdfast.pool_login($1)"

_PLATFORM_CONNECTIONS = 20
"""Reserved for superusers (10), and used by Patroni, the agents, backups and the monitor."""
_LEAST_POOL = 4
_BUSY_POOLERS = 2
"""As many may be full of work at the same time."""
_LOGIN_CONNECTIONS = 2
"""A login asks one short question; the second connection is there when the first is lost."""
_CONSTANT_SALT = "AAAAAAAAAAAAAAAAAAAAAA=="
_NO_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@dataclass(frozen=True, slots=True)
class PoolerSettings:
    """What one pooler has to be told.

    `version` is PgBouncer's, as (major, minor). `server` is the path of the certificate for
    clients without `.crt` and `.key`, `client` that of `auth_user` for servers.
    """

    address: str
    port: int
    socket_folder: str
    databases_file: str
    users_file: str
    ca: str
    server: str
    client: str
    auth_user: str
    pool_size: int
    max_clients: int = 1000
    version: tuple[int, int] = (1, 18)


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the configuration; `since` is the first version that knows it."""

    name: str
    value: str
    reason: str
    since: tuple[int, int] = (1, 0)


def pool_size(max_connections: int, poolers: int, databases: int) -> int:
    """Server connections per user and database of one pooler.

    `poolers` is how many of them lead to one server. Clients take the first host of their URI,
    so one pooler has most of them: it gets half of what the platform leaves, not an equal part
    (with 5 of 20 connections 16 clients made 0.45 of the TPC-B transactions). Two busy poolers
    queue and never meet "too many clients".
    """
    share = (max_connections - _PLATFORM_CONNECTIONS) // min(max(1, poolers), _BUSY_POOLERS)
    return max(_LEAST_POOL, share // max(1, databases))


def pooler_ini(settings: PoolerSettings) -> str:
    """The configuration file of one pooler."""
    lines = [
        "; Written by Holdfast. A change made here by hand shows as drift and is undone.",
        f"%include {settings.databases_file}",
        "",
        "[pgbouncer]",
    ]
    for setting in pooler_settings(settings):
        lines += [f"; {setting.reason}", f"{setting.name} = {setting.value}".rstrip()]
    lines += [
        "",
        "[users]",
        "; logins queue for these: a storm of them would fill a pool as large as an application's",
        f"{settings.auth_user} = max_user_connections={_LOGIN_CONNECTIONS}",
    ]
    return "\n".join(lines) + "\n"


def user_list(users: Iterable[str]) -> str:
    """The user list: roles that nobody may be through a pooler.

    Otherwise PgBouncer 1.18 takes a role whose `passwd` is NULL for one with the password `md5`
    (so anybody was `postgres`, through the Unix socket even as a superuser), and `auth_user` for
    one with an empty password. Here each has a verifier that no key fits: its StoredKey is all
    zeros, and nobody knows what hashes to that. A user of this list is never looked up in the
    database. `pgbouncer` is on it always; on the Unix socket the console knows its own user
    nevertheless.
    """
    verifier = f"SCRAM-SHA-256$4096:{_CONSTANT_SALT}${_NO_KEY}:{_NO_KEY}"
    return "".join(f'"{_escaped(user)}" "{verifier}"\n' for user in sorted({*users, "pgbouncer"}))


def pooler_settings(settings: PoolerSettings) -> tuple[Setting, ...]:
    """All settings that this version of PgBouncer knows, each with its reason."""
    rows = (
        *_network(settings),
        *_encryption(settings),
        *_logins(settings),
        *_pools(settings),
        *_patience(),
        *_record(),
    )
    return tuple(row for row in rows if row.since <= settings.version)


def _network(settings: PoolerSettings) -> Iterator[Setting]:
    yield Setting("listen_addr", settings.address, "the node's own address")
    yield Setting("listen_port", str(settings.port), "the same on every node")
    yield Setting(
        "listen_backlog", "1024", "all clients of a lost node come at once; 128 would drop some"
    )
    yield Setting("unix_socket_dir", settings.socket_folder, "the console, for the node agent")
    yield Setting("unix_socket_mode", "0700", "nobody but the user that runs the node")
    yield Setting(
        "tcp_keepalive", "1", "a host that is gone without a word shows only by its silence"
    )
    yield Setting("tcp_keepidle", "8", "with the next three: such a host is given up in 14 s ...")
    yield Setting("tcp_keepintvl", "2", "... before the next leader is elected (20 s at least)")
    yield Setting("tcp_keepcnt", "3", "... and yet 500 idle clients cost 60 packets a second")
    yield Setting("tcp_user_timeout", "12000", "the same for data on its way; in ms", since=(1, 16))


def _encryption(settings: PoolerSettings) -> Iterator[Setting]:
    yield Setting("client_tls_sslmode", "require", "a connection without TLS is refused")
    yield Setting("client_tls_cert_file", f"{settings.server}.crt", "names the node's address")
    yield Setting("client_tls_key_file", f"{settings.server}.key", "its key")
    yield Setting("client_tls_protocols", "secure", "TLS 1.2 and 1.3")
    yield Setting(
        "server_tls_sslmode", "verify-full", "another node proves who it is; sockets need no TLS"
    )
    yield Setting("server_tls_ca_file", settings.ca, "the site's own CA and no other")
    yield Setting("server_tls_cert_file", f"{settings.client}.crt", "proves auth_user to servers")
    yield Setting("server_tls_key_file", f"{settings.client}.key", "its key")
    yield Setting("server_tls_protocols", "tlsv1.3", "both ends are ours")


def _logins(settings: PoolerSettings) -> Iterator[Setting]:
    yield Setting("auth_type", "scram-sha-256", "no trust, no plain password, no md5")
    yield Setting("auth_user", settings.auth_user, "may call pool_login and nothing else")
    yield Setting("auth_query", AUTH_QUERY, "verifiers stay in PostgreSQL, their one place")
    yield Setting("auth_file", settings.users_file, "users that nobody may be here")
    yield Setting("admin_users", "", "the console is for the node's own user, by Unix socket")
    yield Setting("stats_users", "", "as admin_users")


def _pools(settings: PoolerSettings) -> Iterator[Setting]:
    yield Setting("pool_mode", "transaction", "many clients share few server connections")
    yield Setting(
        "default_pool_size",
        str(settings.pool_size),
        "this pooler's share of max_connections, per user and database",
    )
    yield Setting(
        "max_client_conn", str(settings.max_clients), "an idle client with TLS costs about 25 kB"
    )
    yield Setting(
        "max_prepared_statements",
        "200",
        "prepared statements in transaction mode; 200 cover what an application repeats",
        since=(1, 21),
    )
    yield Setting("server_idle_timeout", "60", "what one pooler does not need another may")
    yield Setting(
        "ignore_startup_parameters",
        "extra_float_digits",
        "JDBC sends it always; `options` is declined, as a setting that is dropped in "
        "silence is worse than an error",
    )


def _patience() -> Iterator[Setting]:
    yield Setting(
        "query_wait_timeout", "60", "clients queue over a whole failover (25 s), not for ever"
    )
    yield Setting("client_login_timeout", "60", "a login waits as long as a query")
    yield Setting(
        "server_connect_timeout", "3", "a server on the network answers at once or not at all"
    )
    yield Setting(
        "server_login_retry", "0.2", "clients wait for the restarted server, not for a timer"
    )
    yield Setting(
        "server_check_delay", "30", "a connection idle for longer is tried before it is used"
    )


def _record() -> Iterator[Setting]:
    yield Setting("log_connections", "1", "only the pooler knows where a client comes from")
    yield Setting("log_disconnections", "0", "errors are logged anyhow, and this is noise")
    yield Setting("log_stats", "0", "metrics are read from the console")


def _escaped(user: str) -> str:
    return user.replace('"', '""')
