"""A real PostgreSQL with an encrypted pgBackRest stanza: what the restore tests restore."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import psycopg

from holdfast.engines.postgresql.cluster import READER
from holdfast.engines.postgresql.doors import Connection
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.system import postgresql

STANZA = "shop"
PASSPHRASE = "correct horse battery staple"


def account() -> str:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    for name in ("holdfast", "postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise AssertionError("no ordinary account to run PostgreSQL with")


class Origin:
    """A server in a folder of its own, archiving into a repository beside it."""

    def __init__(self, folder: Path, bindir: str, pgbackrest: str) -> None:
        self.folder, self.bindir, self.pgbackrest_path = folder, bindir, pgbackrest
        self.account = account()
        self.data, self.socket = folder / "data", folder / "s"
        self.repository = folder / "repository"

    def run(self, *argv: str, timeout: float = 60, check: bool = True) -> str:
        switch = {"user": self.account, "group": pwd.getpwnam(self.account).pw_gid}
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            text=True,
            timeout=timeout,
            cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": "/", "PGHOST": str(self.socket)},
            **(switch if os.geteuid() == 0 else {}),
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def create(self) -> None:
        for folder in (self.folder, self.socket, self.repository, self.folder / "log"):
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, self.account)
        (self.folder / "pgbackrest.conf").write_text(
            self.backup_file(self.data, self.folder / "log")
        )
        shutil.chown(self.folder / "pgbackrest.conf", self.account)
        self.run(
            f"{self.bindir}/initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-N",
            "--data-checksums", "--no-locale", "-E", "UTF8",
        )  # fmt: skip
        command = f"{self.pgbackrest_path} --config={self.folder}/pgbackrest.conf"
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"listen_addresses=''\nunix_socket_directories='{self.socket}'\nfsync=off\n"
                "wal_level=replica\narchive_mode=on\nshared_buffers=32MB\nautovacuum=off\n"
                f"archive_command='{command} --stanza={STANZA} archive-push %p'\n"
            )
        self.start()
        self.sql(f"create role {READER} login bypassrls; grant pg_read_all_data to {READER}")
        self.sql(f"alter role {READER} set default_transaction_read_only = on")
        self.pgbackrest("stanza-create")

    def start(self) -> None:
        self.run(
            f"{self.bindir}/pg_ctl", "-D", str(self.data), "-w", "-l", f"{self.folder}/log/server",
            "start",
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        self.run(f"{self.bindir}/pg_ctl", "-D", str(self.data), "-m", mode, "stop")

    def expire_newest(self) -> None:
        self.pgbackrest(f"--set={self.newest_label()}", "expire")

    def backup_file(self, data: Path | PurePosixPath, log: Path | PurePosixPath) -> str:
        return (
            f"[global]\nrepo1-path={self.repository}\nrepo1-cipher-type=aes-256-cbc\n"
            f"repo1-cipher-pass={PASSPHRASE}\nrepo1-bundle=y\ncompress-type=lz4\nstart-fast=y\n"
            f"log-path={log}\nlock-path={log}\nspool-path={log}\njob-retry=1\nlog-level-console=warn\nlog-level-stderr=off\n"
            f"repo1-retention-full=9\n[{STANZA}]\npg1-path={data}\npg1-socket-path={self.socket}\n"
            "pg1-user=postgres\n"
        )

    def pgbackrest(self, *command: str) -> str:
        return self.run(
            self.pgbackrest_path, f"--config={self.folder}/pgbackrest.conf",
            f"--stanza={STANZA}", *command,
        )  # fmt: skip

    def newest_label(self) -> str:
        return max(path.name for path in (self.repository / "backup/shop").glob("*F"))

    def sql(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(statement)

    def value(self, query: str, database: str = "postgres") -> object:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return row[0]

    def dsn(self, database: str) -> str:
        return f"host={self.socket} user=postgres dbname={database}"

    @asynccontextmanager
    async def connect(self, database: str) -> AsyncIterator[Connection]:
        connection = await postgresql.connect(self.dsn(database))
        async with connection:
            yield connection

    @asynccontextmanager
    async def reading(self, database: str) -> AsyncIterator[Connection]:
        """As the role that counts rows."""
        connection = await postgresql.connect(self.dsn(database), user=READER)
        async with connection:
            yield connection

    def sandbox(self, name: str) -> Sandbox:
        return Sandbox(
            folder=PurePosixPath(self.folder / "sandboxes" / name),
            stanza=STANZA,
            bindir=self.bindir,
            pgbackrest=self.pgbackrest_path,
            os_user=self.account,
            python="/usr/bin/python3",
        )
