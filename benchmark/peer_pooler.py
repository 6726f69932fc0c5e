"""A PgBouncer as somebody would configure it by hand, beside the platform's own.

The same program, the same certificate for clients, the same login by SCRAM and `auth_query`, and
the Unix socket to the same primary: one hop with TLS. Everything else is PgBouncer's default.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import psycopg

from benchmark.keeper import Kept, keeping
from benchmark.place import Place
from holdfast.core.errors import TimedOut
from holdfast.engines.postgresql.cluster import POOLER, Cluster, Node
from holdfast.engines.postgresql.render_pooler import AUTH_QUERY

PORT = 6532
_TIMEOUT_S = 15.0
_CONFIGURATION = """\
[databases]
{database} = host={sockets} port=5432 dbname={database}
[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
client_tls_sslmode = require
client_tls_cert_file = {server}.crt
client_tls_key_file = {server}.key
auth_type = scram-sha-256
auth_user = {auth_user}
auth_query = {auth_query}
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 1000
"""
POOL_SIZE = 20
"""PgBouncer's default, and enough for every client here to have a server connection."""


@asynccontextmanager
async def peer_pooler(at: Place, cluster: Cluster, primary: Node, dsn: str) -> AsyncIterator[str]:
    """The pooler, accepting logins; gives the URI of `dsn`'s login through it."""
    folder = at.folder / "pooler"
    folder.mkdir(mode=0o700)
    user = cluster.site.os_user
    (folder / "pgbouncer.ini").write_text(
        _CONFIGURATION.format(
            database=cluster.spec.databases[0].name,
            sockets=primary.paths.run,
            address=primary.address,
            port=PORT,
            server=primary.paths.pki / "server",
            auth_user=POOLER,
            auth_query=AUTH_QUERY,
            pool_size=POOL_SIZE,
        )
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user, user)
    program = Kept(
        argv=(cluster.installation.pgbouncer, str(folder / "pgbouncer.ini")),
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        folder=str(folder),
        log=str(folder / "pgbouncer.log"),
    )
    uri = single_host(dsn, primary.address, PORT)
    try:
        async with keeping([program], user):
            await _accepts(uri)
            yield uri
    finally:
        shutil.rmtree(folder)


def single_host(dsn: str, address: str, port: int) -> str:
    """The URI with one host, the same login and the same TLS; nothing is asked of the server."""
    parts = urlsplit(dsn)
    login = parts.netloc.rpartition("@")[0]
    options = [
        option
        for option in parts.query.split("&")
        if not option.startswith(("target_session_attrs=", "connect_timeout="))
    ]
    return parts._replace(netloc=f"{login}@{address}:{port}", query="&".join(options)).geturl()


async def _accepts(uri: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(uri, prepare_threshold=None)
        except psycopg.Error as error:
            if time.monotonic() > deadline:
                raise TimedOut(f"the compared pooler does not answer: {error}") from error
            await asyncio.sleep(0.1)
        else:
            await connection.close()
            return
