"""The control plane's own PostgreSQL: one small server, reachable through its Unix socket only."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from urllib.parse import quote

from holdfast.core.errors import Error, TimedOut, Transient
from holdfast.core.layout import Site
from holdfast.providers.postgresql_programs import Installation
from holdfast.system import processes
from holdfast.system.accounts import current_account
from holdfast.system.files import make_folder, read_file, remove_path
from holdfast.system.host import Host, Priority, Program
from holdfast.system.postgresql import connect
from holdfast.system.supervisor import put_file

NAME = "control-postgresql"
ROLE = "holdfast"
DATABASE = "holdfast"
_ADMINISTRATOR = "postgres"
_POLL_S = 0.05

_SETTINGS = """\
# Written by holdfast at every start.
data_directory = '{data}'
hba_file = '{folder}/pg_hba.conf'
ident_file = '{folder}/pg_ident.conf'
listen_addresses = ''
unix_socket_directories = '{run}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 32MB
max_wal_size = 256MB
min_wal_size = 32MB
max_wal_senders = 2
max_parallel_workers_per_gather = 0
wal_compression = on
log_destination = stderr
log_line_prefix = '%m [%p] '
log_checkpoints = off
timezone = UTC
log_timezone = UTC
"""


def url(site: Site, database_url: str = "") -> str:
    """Where the control database is, as a `postgresql://` URL: the setting, or the embedded one."""
    if database_url:
        return database_url
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(site.control / 'run'), safe='')}"


async def create(site: Site, host: Host, installation: Installation) -> bool:
    """Make the data folder with role and database, unless it is there. True if it was made.

    It is made beside its place and moved there when it is complete, so that an interrupted run
    leaves nothing half-made behind.
    """
    folder, data = Path(site.control), Path(site.control / "data")
    for path, mode in ((folder, 0o750), (folder / "run", 0o750)):
        await asyncio.to_thread(make_folder, path, mode, site.database_user)
    _configure(site, folder)
    if data.exists():
        _check_major(site, installation)
        return False
    beside = folder / "data.new"
    await host.remove(str(beside))
    await host.run(
        [
            str(installation.folder / "initdb"), f"--pgdata={beside}", "--encoding=UTF8",
            "--locale=C", "--data-checksums", f"--username={_ADMINISTRATOR}",
            "--auth-local=peer", "--auth-host=reject",
        ],
        user=site.database_user,
        timeout_s=120,
    )  # fmt: skip
    # A single backend takes one statement a line, before any server has run.
    statements = f"create role {ROLE} login createdb;\ncreate database {DATABASE} owner {ROLE};\n"
    await host.run(
        [str(installation.folder / "postgres"), "--single", "-D", str(beside), "postgres"],
        user=site.database_user,
        stdin=statements.encode(),
        timeout_s=60,
    )
    beside.rename(data)
    return True


def program(site: Site, installation: Installation) -> Program:
    """The supervised server."""
    return Program(
        name=NAME,
        argv=(
            str(installation.folder / "postgres"),
            f"--config_file={site.control / 'postgresql.conf'}",
        ),
        user=site.database_user,
        folder=str(site.control),
        # Fast shutdown: sessions are ended, a checkpoint is made.
        stop_signal="INT",
        priority=Priority.CONTROL_DATABASE,
    )


def clear_leftovers(site: Site) -> list[str]:
    """Remove lock files of a server that is gone. Gives their paths.

    PostgreSQL refuses to start while the pid in `postmaster.pid` is alive, even when the machine
    crashed and has given that pid to another process since.
    """
    data, run = Path(site.control / "data"), Path(site.control / "run")
    removed = []
    for lock in (data / "postmaster.pid", run / ".s.PGSQL.5432.lock"):
        with contextlib.suppress(Error, OSError, ValueError, IndexError):
            pid = int((read_file(lock) or b"").split()[0])
            if not _serves(pid, data):
                remove_path(lock)
                removed.append(str(lock))
    return removed


async def wait_ready(database: str, *, timeout_s: float = 30.0) -> None:
    """Wait until the database takes a connection. Raises `TimedOut` with the last refusal."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            await check(database)
            return
        except Transient as error:
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"the control database did not come up within {timeout_s:g} s: {error}",
                    subject="control database",
                ) from error
        await asyncio.sleep(_POLL_S)


async def check(database: str) -> str:
    """The server's version, asked through a new connection."""
    async with await connect(database) as connection:
        answer = await (await connection.execute("show server_version")).fetchone()
    return str(answer[0]) if answer else ""


def _configure(site: Site, folder: Path) -> None:
    settings = _SETTINGS.format(data=folder / "data", folder=folder, run=folder / "run")
    me = current_account().name
    idents = [f"holdfast {me} {ROLE}", f"holdfast {me} {_ADMINISTRATOR}"]
    if site.database_user != me:
        # The server's own user, who could write its files anyway. Not that of the databases,
        # unless one and the same user runs both: what stands here the control plane acts on.
        idents.append(f"holdfast {site.database_user} {_ADMINISTRATOR}")
    for name, text in (
        ("postgresql.conf", settings),
        ("pg_hba.conf", "local all all peer map=holdfast\n"),
        ("pg_ident.conf", "\n".join(idents) + "\n"),
    ):
        # Root's own files, which the server can read and not change.
        put_file(folder / name, text.encode(), 0o644)


def _check_major(site: Site, installation: Installation) -> None:
    data, found = site.control / "data", major_of(site)
    if found is None:
        raise Error(
            f"the control database in {data} is damaged: it has no readable PG_VERSION",
            subject="control database",
            hint="restore the home folder from your backup",
        )
    if found != installation.major:
        raise Error(
            f"the control database in {data} is of postgresql {found}, and {installation.major} "
            "was chosen to run it",
            subject="control database",
            hint=f"install postgresql-{found}",
        )


def major_of(site: Site) -> int | None:
    """The major that the data folder was made with, None where there is none yet."""
    try:
        return int(read_file(site.control / "data" / "PG_VERSION") or b"")
    except (Error, OSError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """Whether the process lives and works in the data folder."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except FileNotFoundError:
        return not Path("/proc/self").exists() and processes.start_of(pid) is not None
