"""The clients of a write ledger, as a program of their own.

They run outside of the control plane on purpose: whatever else the control plane's event loop
does would show up as a gap in the writes, and a crash of either would take the other with it.

Standard input gives one line of JSON (`endpoints`: name, uri and sessions of each; `pause_s`),
and its end, or any further line, ends the writing: no writer outlives the one who started it.
Standard output tells every 100 ms what each session has been acknowledged, and at the end every
attempt, one line of JSON each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import psycopg

from holdfast.core.change import Json

INSERT = "insert into holdfast_drill.ledger (session, number) values (%s, %s)"

_REPORT_S = 0.1
_RECONNECT_S = 0.05
"""Between two rounds of connecting. Shorter ones take the processor from the failover itself."""
_CONNECT_TIMEOUT_S = 15.0
_ANSWER_TIMEOUT_S = 60.0
_GRACE_S = 5.0
_SURE_REFUSALS = ("22", "23", "25", "28", "3D", "3F", "40", "42", "53")
"""SQLSTATE classes of statements that were certainly not carried out."""


@dataclass
class Session:
    """One client: writes, notes what it was told, connects again when it has to."""

    id: int
    endpoint: str
    uri: str
    pause_s: float
    acknowledged: int = 0
    last_s: float = 0.0
    attempts: list[list[Json]] = field(default_factory=list)
    connection: psycopg.AsyncConnection | None = None
    warned: str = ""

    async def write(self, stopping: asyncio.Event) -> None:
        """Write until told to stop."""
        number = 0
        while not stopping.is_set():
            if self.connection is None:
                await self._connect()
                continue
            number += 1
            await self._attempt(self.connection, number)
            await asyncio.sleep(self.pause_s)
        await self._close()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                connection = await psycopg.AsyncConnection.connect(
                    self.uri, autocommit=True, prepare_threshold=None
                )
        except (psycopg.Error, OSError, TimeoutError):
            # Nothing was sent yet: that is waiting, not an attempt.
            await asyncio.sleep(_RECONNECT_S)
            return
        connection.add_notice_handler(self._notice)
        self.connection = connection

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        # A commit whose wait for its standby was cancelled is acknowledged with a warning.
        if diagnostic.severity_nonlocalized == "WARNING":
            self.warned = diagnostic.message_primary or "warning"

    async def _attempt(self, connection: psycopg.AsyncConnection, number: int) -> None:
        self.warned = ""
        answer, detail = "unknown", "interrupted"
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await connection.execute(INSERT, (self.id, number))
            answer, detail = ("unknown", self.warned) if self.warned else ("acknowledged", "")
        except psycopg.Error as error:
            answer, detail = _refusal(error, broken=connection.broken or connection.closed)
            if answer == "unknown" or connection.broken:
                await self._close()
        except TimeoutError:
            answer, detail = "unknown", f"no answer within {_ANSWER_TIMEOUT_S:g} s"
            await self._close()
        finally:
            self._note(number, answer, started_s, detail)

    def _note(self, number: int, answer: str, started_s: float, detail: str) -> None:
        ended_s = time.monotonic()
        self.attempts.append(
            [self.id, number, self.endpoint, answer, started_s, ended_s, detail[:200]]
        )
        if answer == "acknowledged":
            self.acknowledged += 1
            self.last_s = ended_s

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


def _sessions(request: Json) -> list[Session]:
    found: list[Session] = []
    for endpoint in request["endpoints"]:
        for _ in range(endpoint["sessions"]):
            found.append(
                Session(len(found) + 1, endpoint["name"], endpoint["uri"], request["pause_s"])
            )
    return found


async def _report(sessions: list[Session]) -> None:
    while True:
        progress = {
            str(each.id): [each.endpoint, each.acknowledged, each.last_s] for each in sessions
        }
        _say(progress)
        await asyncio.sleep(_REPORT_S)


def _say(line: Json) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _end_of_input() -> None:
    """Return when standard input has ended or says anything."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.readline()


async def main() -> None:
    """Read the request, write until the input ends, tell everything."""
    sessions = _sessions(json.loads(sys.stdin.readline()))
    stopping = asyncio.Event()
    reporting = asyncio.create_task(_report(sessions))
    writing = [asyncio.create_task(each.write(stopping)) for each in sessions]
    await _end_of_input()
    stopping.set()
    _, late = await asyncio.wait(writing, timeout=_GRACE_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*writing, return_exceptions=True)
    reporting.cancel()
    for each in sessions:
        for attempt in each.attempts:
            _say(attempt)


if __name__ == "__main__":
    asyncio.run(main())
