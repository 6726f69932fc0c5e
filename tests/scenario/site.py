"""A real site in a temporary home, driven through the command line as a person would.

`RealSite` runs `holdfast` as a program, reads its JSON, and reaches behind it where a test has to
change something by hand or to look for what was left over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import psycopg

from holdfast.app.vault import Vault
from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import patroni_password
from holdfast.providers import local
from holdfast.providers.doors import SiteDoors, open_site
from holdfast.providers.settings import Settings
from holdfast.store import Store
from holdfast.system import processes

ROOT = Path(__file__).parents[2]
T = TypeVar("T")

QUICK_TIER = """\
apiVersion: holdfast/v1
kind: Tier
name: quick
description: For tests. One node or more, with the shortest clocks that Patroni allows.
availability: 99
rpo: 15m
rto: 1h
nodes: {default: 1, min: 1, max: 5}
synchronous: "off"
failover:
  ttl: 20s
  loopWait: 1s
  retryTimeout: 3s
  primaryStartTimeout: 1m
  primaryStopTimeout: 30s
  maximumLag: 16MiB
backup:
  full: 1d
  retention: {full: 1, days: 1}
  archiveTimeout: 5m
proofs:
  restoreTest: 30d
credentialAge: 180d
patchWindow: 30d
accessReview: 365d
mayExpire: true
overrides: [connections, maintenanceWindow, "parameters.*"]
"""

FIELDS: Mapping[str, Any] = {
    "owner": "checkout",
    "environment": "test",
    "tier": "quick",
    "size": "xs",
    "classification": "internal",
    "deletionPolicy": "delete",
}
"""What a document says unless a test says otherwise: one node, deleted without a word."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    argv: tuple[str, ...]
    exit_code: int
    out: str
    err: str

    def __str__(self) -> str:
        return (
            f"holdfast {' '.join(self.argv)} ended with {self.exit_code}\n"
            f"--- stdout\n{self.out}--- stderr\n{self.err}"
        )

    @property
    def data(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def until(
    condition: Callable[[], T], *, deadline_s: float = 60.0, every_s: float = 0.2, what: str = ""
) -> T:
    """Wait until the condition holds and return its value; fail with the last one seen."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what or condition} did not come in {deadline_s:g} s"
        time.sleep(every_s)


@dataclass
class RealSite:
    """A site in `home`. Whatever it started is gone after `close`."""

    home: Path
    folder: Path
    """Where documents are written."""
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def new(cls) -> RealSite:
        """A site that is not up yet. Its path is short: Unix sockets allow 107 bytes."""
        # The data plane's user has to pass through, so the folder is not a private one.
        home = Path(tempfile.gettempdir()) / f"hf-{secrets.token_hex(3)}"
        return cls(home, Path(tempfile.mkdtemp(prefix="hf-documents-")))

    # -- the command line ----------------------------------------------------------------------

    def run(
        self,
        *argv: str | Path,
        exit_code: int | None = 0,
        timeout_s: float = 240.0,
        stdin: str | None = None,
    ) -> Ran:
        """Run `holdfast ...` to its end. Fails on another exit code; None takes any."""
        words = tuple(map(str, argv))
        done = subprocess.run(
            [sys.executable, "-m", "holdfast.cli.main", *words],
            env=self.variables(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        ran = Ran(words, done.returncode, done.stdout, done.stderr)
        assert exit_code in (None, ran.exit_code), ran
        return ran

    def start(self, *argv: str | Path) -> subprocess.Popen[str]:
        """Start `holdfast ...` and return at once; the caller waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "holdfast.cli.main", *map(str, argv)],
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def variables(self) -> dict[str, str]:
        """The environment of its commands."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")
        }
        return {
            **kept,
            "HOLDFAST_HOME": str(self.home),
            "PYTHONPATH": str(ROOT / "src"),
            **self.environment,
        }

    def json(self, *argv: str | Path, **more: Any) -> Any:
        """What `holdfast ... -o json` prints."""
        return self.run(*argv, "-o", "json", **more).data

    # -- documents -----------------------------------------------------------------------------

    def document(self, name: str, **fields: Any) -> Path:
        """Write the document of a database; fields that are None are left out."""
        data = {"apiVersion": "holdfast/v1", "kind": "Database", "name": name, **FIELDS, **fields}
        lines = [f"{key}: {json.dumps(value)}" for key, value in data.items() if value is not None]
        path = self.folder / f"{name}.yaml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def take_over_quick_tier(self) -> None:
        """Have the site know the tier that documents name unless a test says otherwise."""
        path = self.folder / "quick-tier.yaml"
        path.write_text(QUICK_TIER)
        self.apply(path)

    def apply(self, *paths: str | Path, **more: Any) -> Ran:
        """Apply documents without being asked."""
        return self.run("apply", *paths, "--yes", **more)

    def plan(self, *paths: str | Path) -> Ran:
        """`holdfast plan --detailed-exitcode`: 0 or 10, and its words."""
        ran = self.run("plan", *paths, "--detailed-exitcode", exit_code=None)
        assert ran.exit_code in (0, 10), ran
        return ran

    def changes(self, path: Path) -> dict[str, Any]:
        """The changes of a plan for one database, by target."""
        (plan,) = self.json("plan", path)
        return {change["target"]: change for change in plan["changes"]}

    def settled(self, path: Path, *, deadline_s: float = 40.0) -> None:
        """Wait until a plan is empty by itself."""
        last: list[Ran] = []

        def empty() -> bool:
            last[:] = [self.plan(path)]
            return last[0].exit_code == 0

        try:
            until(empty, deadline_s=deadline_s, every_s=0.5, what="an empty plan")
        except AssertionError as error:
            raise AssertionError(f"{error}: {last[0]}") from None

    # -- behind it -----------------------------------------------------------------------------

    @property
    def layout(self) -> Site:
        """Where everything of the site stands."""
        return local.load(self.home)

    @property
    def doors(self) -> SiteDoors:
        """The site's doors: etcd, Patroni, supervisor, files."""
        return open_site(Settings(self.home))

    def patroni(self, database: str, act: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with a client of a database's Patronis, as its operator."""

        async def done() -> T:
            doors = self.doors
            store = Store(doors.database_url)
            password = await Vault(store, doors.box).get(patroni_password(database))
            await store.close()
            assert password is not None
            async with doors.patroni() as client:
                return await act(client.as_operator(password))

        return asyncio.run(done())

    def etcd(self, act: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with a client of the site's etcd, as its root user."""

        async def done() -> T:
            async with self.doors.etcd() as client:
                return await act(client)

        return asyncio.run(done())

    def services(self, act: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with the site's supervisor."""

        async def done() -> T:
            return await act(self.doors.supervisor)

        return asyncio.run(done())

    def describe(self, name: str) -> Any:
        """`describe NAME -o json`."""
        return self.json("describe", name)

    def leader(self, name: str) -> Any:
        """The node that leads, as `describe` tells of it."""
        told = self.describe(name)
        return next(node for node in told["nodes"] if node["name"] == told["leader"])

    def dsn(self, name: str, *options: str) -> str:
        """What `connect NAME --dsn` prints."""
        return self.run("connect", name, "--dsn", *options).out.strip()

    @contextlib.contextmanager
    def superuser(self, address: str, database: str = "postgres") -> Iterator[Any]:
        """A superuser's connection to one node, as the control plane has it."""
        pki = self.home / "pki"
        with psycopg.connect(
            host=address, port=5432, user="postgres", dbname=database, sslmode="verify-full",
            sslrootcert=str(pki / "ca.crt"), sslcert=str(pki / "control.crt"),
            sslkey=str(pki / "control.key"), connect_timeout=5, autocommit=True,
            options="-c statement_timeout=60s",
        ) as connection:  # fmt: skip
            yield connection

    def sql(self, address: str, statement: str, database: str = "postgres") -> list[Any]:
        """The rows of a statement on one node, as superuser."""
        with self.superuser(address, database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def setting(self, address: str, name: str) -> str:
        """The value of a parameter that is in force on a node."""
        return str(self.sql(address, f"show {name}")[0][0])

    def control_rows(self, query: str) -> list[Any]:
        """Rows of the control database."""
        with psycopg.connect(self.doors.database_url, autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def processes(self) -> list[processes.Process]:
        """Every process that carries the site's mark, or works in its home."""
        return processes.site_processes(self.layout.id, str(self.home))

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop everything and remove the home, whatever state it is in."""
        if (self.home / "site.json").exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run("down", exit_code=None, timeout_s=90)
            self._end_all()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_all(self) -> None:
        end = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < end:
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.1)


class Writer:
    """Writes through a URI without a pause, from some threads, and keeps what went wrong.

    Each thread inserts rows, one statement a transaction; nothing is tried again.
    """

    def __init__(self, dsn: str, *, threads: int = 4, pause_s: float = 0.005) -> None:
        self.dsn, self.pause_s = dsn, pause_s
        self.done = 0
        self.failures: list[str] = []
        self.longest_s = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    TABLE = "create table if not exists written (at timestamptz not null default now())"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        until(lambda: self.done > 20 or self.failures, deadline_s=20, what="the first writes")
        assert not self.failures, self.failures
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=70)

    def _work(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                if connection is None:
                    connection = psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None)
                connection.execute("insert into written default values")
            except psycopg.Error as error:
                with self._lock:
                    self.failures.append(" ".join(str(error).split()))
                connection = None
                time.sleep(0.05)
            else:
                with self._lock:
                    self.done += 1
                    self.longest_s = max(self.longest_s, time.monotonic() - begun)
            time.sleep(self.pause_s)
        if connection is not None:
            connection.close()
