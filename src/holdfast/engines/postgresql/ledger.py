"""The write ledger of a drill: its table, its clients, and what is read back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
from psycopg import sql

import holdfast
from holdfast.core.errors import Error, Refused, TimedOut
from holdfast.engines.postgresql.doors import Connection
from holdfast.recovery.ledger import Answer, Attempt, Row
from holdfast.system.clock import Clock
from holdfast.system.host import SITE_VARIABLE
from holdfast.system.local_host import PATH

SCHEMA = "holdfast_drill"
_STOP_TIMEOUT_S = 90.0
_MARK = "ledger of holdfast drill "
_WHOSE = """
select r.rolsuper, pg_catalog.obj_description(n.oid, 'pg_namespace')
from pg_catalog.pg_namespace n
join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) n.nspowner
where n.nspname operator(pg_catalog.=) %s::pg_catalog.name
"""
_READ = "select session, number, position from holdfast_drill.ledger"


class Owner(StrEnum):
    """Who has a schema of the ledger's name."""

    NOBODY = "nobody"
    PLATFORM = "platform"
    ANOTHER = "another"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where some of the sessions write: `uri` holds a password."""

    name: str
    uri: str
    sessions: int


@dataclass(frozen=True, slots=True)
class Session:
    """How far one session is: acknowledged writes, and when the last one was (monotonic)."""

    endpoint: str
    acknowledged: int
    last_s: float


class Ledger:
    """A ledger under way, see `keeping`."""

    def __init__(self, process: asyncio.subprocess.Process, clock: Clock) -> None:
        self._process = process
        self._clock = clock
        self._attempts: list[Attempt] = []
        self._sessions: dict[str, Session] = {}
        self._reading = asyncio.create_task(self._read())

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions as they were at most a tenth of a second ago."""
        return tuple(self._sessions.values())

    async def until(self, holds: Callable[[Session], bool], *, deadline_s: float) -> bool:
        """Wait until something holds for every session; False when time is up."""
        end = self._clock.monotonic() + deadline_s
        while not (self._sessions and all(holds(each) for each in self.sessions)):
            if self._process.returncode is not None:
                raise Error(f"the ledger's clients ended with {self._process.returncode}")
            if self._clock.monotonic() > end:
                return False
            await self._clock.sleep(0.05)
        return True

    async def stop(self) -> tuple[Attempt, ...]:
        """End the writing and return every attempt."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._reading
                await self._process.wait()
        except TimeoutError:
            raise TimedOut("the ledger's clients do not end", subject="ledger") from None
        if self._process.returncode != 0:
            raise Error(f"the ledger's clients ended with {self._process.returncode}")
        return tuple(self._attempts)

    async def end(self) -> None:
        """End the clients at once, whatever they do."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                self._sessions = {id: Session(*each) for id, each in said.items()}
            else:
                session, number, endpoint, answer, started_s, ended_s, detail = said
                self._attempts.append(
                    Attempt(session, number, endpoint, Answer(answer), started_s, ended_s, detail)
                )


@asynccontextmanager
async def keeping(
    endpoints: Sequence[Endpoint], clock: Clock, *, site_id: str, pause_s: float
) -> AsyncIterator[Ledger]:
    """Clients that write to every endpoint; gone when the body ends, in whatever way."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "holdfast.engines.postgresql.ledger_client"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd="/",
        env={
            "PATH": PATH,
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(Path(holdfast.__file__).parents[1]),
            SITE_VARIABLE: site_id,
        },
        start_new_session=True,
    )
    ledger = Ledger(process, clock)
    try:
        request = {
            "pause_s": pause_s,
            "endpoints": [
                {"name": each.name, "uri": each.uri, "sessions": each.sessions}
                for each in endpoints
            ],
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
        yield ledger
    finally:
        await ledger.end()


async def create_table(connection: Connection, writer: str, *, mark: str) -> None:
    """An empty ledger table of the platform's own, in which `writer` may insert.

    `mark` says who made it. Raises `Refused` when a schema of that name belongs to somebody else.
    """
    async with connection.transaction():
        if await _owner(connection) is Owner.ANOTHER:
            raise Refused(
                f"schema {SCHEMA} of database {connection.info.dbname} is not the platform's",
                subject=f"schema {SCHEMA}",
                hint="give it another name: the drill keeps its ledger in a schema of that name",
            )
        await drop_table(connection)
        await connection.execute(f"create schema {SCHEMA}")
        await connection.execute(
            sql.SQL("comment on schema {} is {}").format(
                sql.Identifier(SCHEMA), sql.Literal(f"{_MARK}{mark}")
            )
        )
        # Nothing here is unique: that every write is there once is for the ledger to find out.
        await connection.execute(
            f"create table {SCHEMA}.ledger (position bigint generated always as identity, "
            "session int not null, number bigint not null, "
            "at timestamptz not null default pg_catalog.clock_timestamp())"
        )
        role = sql.Identifier(writer)
        for grant in (
            "grant usage on schema holdfast_drill to {}",
            "grant insert on holdfast_drill.ledger to {}",
        ):
            await connection.execute(sql.SQL(grant).format(role))


async def drop_table(connection: Connection) -> None:
    """Remove the ledger's table and schema. Absent is fine, and another's is left alone.

    Whatever somebody has put beside the table or upon it stays: raises `Refused` then.
    """
    if await _owner(connection) is not Owner.PLATFORM:
        return
    try:
        async with connection.transaction():
            await connection.execute(f"drop table if exists {SCHEMA}.ledger restrict")
            await connection.execute(f"drop schema {SCHEMA} restrict")
    except psycopg.errors.DependentObjectsStillExist as error:
        raise Refused(
            f"the ledger in schema {SCHEMA} stays, because other objects hang on it: "
            f"{error.diag.message_detail or error}",
            subject=f"schema {SCHEMA}",
            hint="drop those objects or move them to another schema",
        ) from error


async def _owner(connection: Connection) -> Owner:
    """Whose the schema is: only a superuser can have both owned and marked it."""
    cursor = await connection.execute(_WHOSE, [SCHEMA])
    row = await cursor.fetchone()
    if row is None:
        return Owner.NOBODY
    by_superuser, comment = row
    ours = by_superuser and (comment or "").startswith(_MARK)
    return Owner.PLATFORM if ours else Owner.ANOTHER


async def read_back(connection: Connection) -> tuple[Row, ...]:
    """Every row that is there."""
    async with connection.cursor() as cursor:
        await cursor.execute(_READ)
        return tuple(Row(*row) for row in await cursor.fetchall())
