"""What an apply is compared with: a bare three-node Patroni cluster, started by hand.

On the site's own etcd, with the same interpreter, packages, PostgreSQL, timings, synchronous
mode and checksums as the tier, all three started at once. It has nothing else: no TLS, no roles
but its own three, no pooler, no archive, no backup. Its files are written before the clock runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmark.keeper import Kept, keeping
from benchmark.place import Place
from holdfast.app.wiring import RealPlatform
from holdfast.core.errors import TimedOut
from holdfast.engines.postgresql.cluster import Installation
from holdfast.providers import postgresql_programs
from holdfast.spec import builtin

SCOPE, NAMESPACE = "bare", "/benchmark/"
TIER = "tier-0"
_FIRST_HOST = 151
_TIMEOUT_S = 120.0
_POLL_S = 0.05
_ROLES = {"superuser": "postgres", "replication": "replicator", "rewind": "rewinder"}
_PASSWORD = "benchmark"  # on loopback, for a minute


@dataclass(frozen=True, slots=True)
class Bare:
    """The cluster to be: `folder` is its own, `addresses` are of the site's network."""

    platform: RealPlatform
    installation: Installation
    folder: Path
    addresses: tuple[str, ...]

    @property
    def uri(self) -> str:
        """The multi-host URI of whoever takes writes."""
        hosts = ",".join(f"{address}:5432" for address in self.addresses)
        return (
            f"postgresql://postgres:{_PASSWORD}@{hosts}/postgres"
            "?target_session_attrs=read-write&connect_timeout=5"
        )


@asynccontextmanager
async def bare(at: Place, platform: RealPlatform) -> AsyncIterator[dict[str, float]]:
    """The cluster, ready, with how long that took; dropped without a trace afterwards."""
    newest = postgresql_programs.newest(platform.doors.installations()).major
    cluster = Bare(
        platform=platform,
        installation=platform.installation(newest),
        folder=at.folder / "bare",
        addresses=tuple(platform.site.address(_FIRST_HOST + k) for k in range(3)),
    )
    await _forget(cluster)
    programs = [_prepare(cluster, ordinal) for ordinal in range(3)]
    try:
        begun = time.monotonic()
        async with keeping(programs, platform.site.os_user):
            yield await _ready(cluster, begun)
    finally:
        await _forget(cluster)


async def _forget(cluster: Bare) -> None:
    await cluster.platform.etcd.delete_prefix(f"{NAMESPACE}{SCOPE}/")
    shutil.rmtree(cluster.folder, ignore_errors=True)


def _prepare(cluster: Bare, ordinal: int) -> Kept:
    folder = cluster.folder / str(ordinal)
    for path in (cluster.folder, folder, folder / "run"):
        path.mkdir(mode=0o700, exist_ok=True)
    identity = cluster.platform.doors.etcd_identity
    for name, source in (("etcd.crt", identity.certificate), ("etcd.key", identity.key)):
        shutil.copy(source, folder / name)
    configuration = folder / "patroni.json"
    configuration.write_text(json.dumps(_configuration(cluster, ordinal), indent=1))
    configuration.chmod(0o600)
    if os.geteuid() == 0:
        for path in (cluster.folder, folder, *folder.iterdir()):
            shutil.chown(path, cluster.platform.site.os_user, cluster.platform.site.os_user)
    return Kept(
        # JSON is YAML.
        argv=(cluster.installation.python, "-s", "-m", "patroni", str(configuration)),
        env={
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "PYTHONPATH": cluster.installation.packages,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        folder=str(folder),
        log=str(folder / "patroni.log"),
    )


def _configuration(cluster: Bare, ordinal: int) -> dict[str, Any]:
    folder, address = cluster.folder / str(ordinal), cluster.addresses[ordinal]
    credentials = cluster.platform.doors.etcd_credentials()
    endpoints = cluster.platform.site.etcd_endpoints
    return {
        "scope": SCOPE,
        "namespace": NAMESPACE,
        "name": f"bare-{ordinal + 1}",
        "restapi": {"listen": f"{address}:8008", "connect_address": f"{address}:8008"},
        "etcd3": {
            "hosts": [endpoint.split("//")[1] for endpoint in endpoints],
            "protocol": "https",
            "cacert": str(cluster.platform.site.ca_certificate),
            "cert": str(folder / "etcd.crt"),
            "key": str(folder / "etcd.key"),
            "username": credentials.user,
            "password": credentials.password,
        },
        "bootstrap": {
            "dcs": _dynamic(),
            "initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": f"{address}:5432",
            "connect_address": f"{address}:5432",
            "data_dir": str(folder / "data"),
            "bin_dir": cluster.installation.bindir,
            "pgpass": str(folder / "run" / "pgpass"),
            "authentication": {
                purpose: {"username": name, "password": _PASSWORD}
                for purpose, name in _ROLES.items()
            },
            "parameters": {"unix_socket_directories": str(folder / "run")},
            "basebackup": [{"checkpoint": "fast"}],
            "pg_hba": [
                "local all all trust",
                "host all all 127.0.0.0/8 scram-sha-256",
                "host replication replicator 127.0.0.0/8 scram-sha-256",
            ],
        },
    }


def _dynamic() -> dict[str, Any]:
    """The tier's timings and synchronous mode; PostgreSQL's parameters are its own defaults."""
    tier = builtin.tiers()[TIER]
    timing = tier.timing
    return {
        "ttl": timing.ttl_s,
        "loop_wait": timing.loop_wait_s,
        "retry_timeout": timing.retry_timeout_s,
        "primary_start_timeout": timing.primary_start_timeout_s,
        "maximum_lag_on_failover": timing.maximum_lag_bytes,
        "synchronous_mode": {"off": False, "on": True, "quorum": "quorum"}[tier.synchronous],
        "synchronous_mode_strict": tier.strict,
        "postgresql": {"use_pg_rewind": True, "use_slots": True},
    }


async def _ready(cluster: Bare, begun: float) -> dict[str, float]:
    """Wait for a write that is acknowledged while both replicas stream, one of them synchronous."""
    takes_writes_s = None
    while time.monotonic() - begun < _TIMEOUT_S:
        try:
            async with await psycopg.AsyncConnection.connect(
                cluster.uri, autocommit=True
            ) as connection:
                takes_writes_s = takes_writes_s or time.monotonic() - begun
                await _replicated(connection, begun)
                return {"seconds": time.monotonic() - begun, "takes_writes_s": takes_writes_s}
        except psycopg.Error:
            await asyncio.sleep(_POLL_S)
    raise TimedOut(f"the bare cluster is not ready after {_TIMEOUT_S:g} s")


async def _replicated(connection: psycopg.AsyncConnection, begun: float) -> None:
    while time.monotonic() - begun < _TIMEOUT_S:
        cursor = await connection.execute(
            "select count(*), count(*) filter (where sync_state in ('sync', 'quorum'))"
            " from pg_stat_replication where state = 'streaming' and application_name like 'bare-%'"
        )
        streaming, synchronous = await cursor.fetchone() or (0, 0)
        if streaming == 2 and synchronous:
            await connection.execute("create table ready ()")
            return
        await asyncio.sleep(_POLL_S)
