"""The clients of a write ledger, as a program of their own.

They run outside of the control plane on purpose: whatever else the control plane's event loop
does would show up as a gap in the writes, and a crash of either would take the other with it.

Standard input gives one line of JSON: `endpoints` (name, uri, sessions and whether each write
comes over a connection of its own), `pause_s`, `answer_s` (how long to wait for an answer), `seed`,
`spool` (a file) and `outlives_s`. A further line or its end ends the writing: no writer outlives
the one who started it, except for `outlives_s` seconds where that is asked for, or until a file
`<spool>.stop` appears.

The spool gets every attempt and every read, one JSON list a line, as they happen; standard output
tells every 100 ms what each session has been acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from holdfast.core.change import Json

INSERT = "insert into holdfast_drill.ledger (session, number) values (%s, %s)"
LOOK = "select 1 from holdfast_drill.ledger where session = %s and number = %s"

_REPORT_S = 0.1
_RECONNECT_S = 0.05
"""Between two rounds of connecting. Shorter ones take the processor from the failover itself."""
_CONNECT_TIMEOUT_S = 15.0
_GRACE_S = 5.0
_READ_SHARE = 0.05
_FRESH_PAUSES = 5
"""A connection costs more than a write, so that sessions with new ones write less often."""
_SURE_REFUSALS = ("22", "23", "25", "28", "3D", "3F", "40", "42", "53")
"""SQLSTATE classes of statements that were certainly not carried out."""


@dataclass
class Session:
    """One client: writes, notes what it was told, connects again when it has to.

    `chance` decides pauses and reads, so that a run with the same seed does the same.
    """

    id: int
    endpoint: str
    uri: str
    pause_s: float
    answer_s: float
    chance: random.Random
    fresh: bool = False
    acknowledged: int = 0
    last_s: float = 0.0
    last_number: int = 0
    noted: list[list[Json]] = field(default_factory=list)
    connection: psycopg.AsyncConnection | None = None
    warned: str = ""

    async def write(self, stopping: asyncio.Event) -> None:
        """Write until told to stop."""
        number, look = 0, False
        while not stopping.is_set():
            if self.connection is None:
                look = await self._connect() and not self.fresh
                continue
            if self.last_number and (look or self.chance.random() < _READ_SHARE):
                look = False
                await self._look(self.connection)
                continue
            number += 1
            await self._attempt(self.connection, number)
            if self.fresh:
                await self._close()
            await asyncio.sleep(self.pause_s * self.chance.uniform(0.5, 1.5))
        await self._close()

    async def _connect(self) -> bool:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                connection = await psycopg.AsyncConnection.connect(
                    self.uri, autocommit=True, prepare_threshold=None
                )
        except (psycopg.Error, OSError, TimeoutError):
            # Nothing was sent yet: that is waiting, not an attempt.
            await asyncio.sleep(_RECONNECT_S)
            return False
        connection.add_notice_handler(self._notice)
        self.connection = connection
        return True

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        # A commit whose wait for its standby was cancelled is acknowledged with a warning.
        if diagnostic.severity_nonlocalized == "WARNING":
            self.warned = diagnostic.message_primary or "warning"

    async def _attempt(self, connection: psycopg.AsyncConnection, number: int) -> None:
        self.warned = ""
        answer, detail = "unknown", "interrupted"
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(self.answer_s):
                await connection.execute(INSERT, (self.id, number))
            answer, detail = ("unknown", self.warned) if self.warned else ("acknowledged", "")
        except psycopg.Error as error:
            answer, detail = _refusal(error, broken=connection.broken or connection.closed)
            if answer == "unknown" or connection.broken:
                await self._close()
        except TimeoutError:
            answer, detail = "unknown", f"no answer within {self.answer_s:g} s"
            await self._close()
        finally:
            self._note(number, answer, started_s, detail)

    async def _look(self, connection: psycopg.AsyncConnection) -> None:
        """Whether the session sees the last write that was acknowledged to it."""
        try:
            async with asyncio.timeout(self.answer_s):
                cursor = await connection.execute(LOOK, (self.id, self.last_number))
                found = await cursor.fetchone() is not None
        except (psycopg.Error, TimeoutError):
            await self._close()
            return
        self.noted.append(["read", self.id, self.last_number, found, time.monotonic()])

    def _note(self, number: int, answer: str, started_s: float, detail: str) -> None:
        ended_s = time.monotonic()
        self.noted.append(
            ["write", self.id, number, self.endpoint, answer, started_s, ended_s, detail[:200]]
        )
        if answer == "acknowledged":
            self.acknowledged += 1
            self.last_s, self.last_number = ended_s, number

    async def _close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()


def _refusal(error: psycopg.Error, *, broken: bool) -> tuple[str, str]:
    """Failed only if the server said so on a connection that still works; unknown otherwise."""
    text = " ".join(str(error).split())
    state = error.sqlstate or ""
    if not broken and state.startswith(_SURE_REFUSALS):
        return "failed", f"{state} {text}"
    return "unknown", f"{state} {text}".strip()


def _sessions(request: Json) -> Iterator[Session]:
    number = 0
    for endpoint in request["endpoints"]:
        for _ in range(endpoint["sessions"]):
            number += 1
            fresh = endpoint["fresh"]
            yield Session(
                number,
                endpoint["name"],
                endpoint["uri"],
                request["pause_s"] * (_FRESH_PAUSES if fresh else 1),
                request["answer_s"],
                random.Random(f"{request['seed']}:{number}"),  # noqa: S311 - it has to be replayable
                fresh,
            )


class Book:
    """Where everything is noted, and who is told of it."""

    def __init__(self, sessions: list[Session], spool: str) -> None:
        self._sessions = sessions
        self._file = Path(spool).open("a", encoding="utf-8")  # noqa: SIM115 - closed at the end

    async def keep(self) -> None:
        """Write down what is new and tell how far the sessions are, without end."""
        while True:
            self.flush()
            with contextlib.suppress(BrokenPipeError):
                progress = {
                    str(each.id): [each.endpoint, each.acknowledged, each.last_s]
                    for each in self._sessions
                }
                sys.stdout.write(json.dumps(progress) + "\n")
                sys.stdout.flush()
            await asyncio.sleep(_REPORT_S)

    def flush(self) -> None:
        """Write down what is new."""
        for each in self._sessions:
            noted, each.noted = each.noted, []
            self._file.writelines(json.dumps(line) + "\n" for line in noted)
        self._file.flush()


async def _told_to_stop(request: Json) -> None:
    """Return when standard input says anything, or has ended and nothing is to be outlived."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    if await reader.readline():
        return
    end = time.monotonic() + request["outlives_s"]
    while time.monotonic() < end and not Path(f"{request['spool']}.stop").exists():  # noqa: ASYNC110
        await asyncio.sleep(_REPORT_S)


async def main() -> None:
    """Read the request, write until told to stop, leave everything in the spool."""
    request = json.loads(sys.stdin.readline())
    sessions = list(_sessions(request))
    book = Book(sessions, request["spool"])
    stopping = asyncio.Event()
    keeping = asyncio.create_task(book.keep())
    writing = [asyncio.create_task(each.write(stopping)) for each in sessions]
    await _told_to_stop(request)
    stopping.set()
    _, late = await asyncio.wait(writing, timeout=_GRACE_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*writing, return_exceptions=True)
    keeping.cancel()
    book.flush()
    Path(f"{request['spool']}.done").touch()


if __name__ == "__main__":
    asyncio.run(main())
