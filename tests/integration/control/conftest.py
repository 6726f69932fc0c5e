"""A real control PostgreSQL for the tests of this folder; each test has a database of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from holdfast.store import Store
from holdfast.store.schema import migrate
from tests.integration.control.plane import Plane


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _account() -> str:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise AssertionError("no ordinary account to run PostgreSQL with")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A libpq URI of an empty server with a Unix socket, without its database's name."""
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    account = _account()
    switch = {"user": account} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="hf-control-", dir="/tmp"))
    shutil.chown(folder, account)
    subprocess.run(
        [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "control", "-N",
         "--no-locale", "-E", "UTF8"],
        check=True, capture_output=True, timeout=60, **switch,
    )  # fmt: skip
    process = subprocess.Popen(
        [binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=",
         "-c", "fsync=off", "-c", "max_connections=60"],
        stderr=(folder / "log").open("wb"), **switch,
    )  # fmt: skip
    url = f"postgresql://control@/{{}}?host={folder}"
    try:
        _await_server(url.format("postgres"))
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        shutil.rmtree(folder)


def _await_server(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture
def empty_url(server: str) -> Iterator[str]:
    """The URI of a new, empty database."""
    name = f"c{uuid4().hex[:12]}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.format(name)
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """A database with the current schema, to be cloned."""
    import asyncio

    name = "template_control"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    asyncio.run(migrate(server.format(name)))
    return name


@contextlib.contextmanager
def _cloned(server: str, template: str) -> Iterator[str]:
    name = f"c{uuid4().hex[:12]}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.format(name)
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(server: str, template: str) -> Iterator[str]:
    """The URI of a control database with the current schema and no rows."""
    with _cloned(server, template) as found:
        yield found


@pytest.fixture
async def store(url: str):
    opened = Store(url)
    yield opened
    await opened.close()


@pytest.fixture
def plane(url: str, tmp_path: Path) -> Iterator[Plane]:
    """A control plane with the toy operations, not started yet."""
    opened = Plane(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_plane(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plane]:
    """A running control plane for tests that leave each other alone."""
    with _cloned(server, template) as url:
        opened = Plane(url, tmp_path_factory.mktemp("shared"))
        opened.start()
        yield opened
        opened.close()
