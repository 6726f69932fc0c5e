"""The write ledger of a drill: its clients, and what they noted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import holdfast
from holdfast.core.errors import Error, TimedOut
from holdfast.recovery.ledger import Answer, Attempt, Read
from holdfast.system.clock import Clock
from holdfast.system.host import SITE_VARIABLE
from holdfast.system.local_host import PATH

_STOP_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where some of the sessions write: `uri` holds a password.

    With `fresh`, each write comes over a new connection.
    """

    name: str
    uri: str
    sessions: int
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """How much is written: `pause_s` between two writes of a session, on the average.

    An answer is waited for `answer_s`; clients go on for `outlives_s` without who started them.
    """

    pause_s: float
    seed: int = 0
    answer_s: float = 60.0
    outlives_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """How far one session is: acknowledged writes, and when the last one was (monotonic)."""

    endpoint: str
    acknowledged: int
    last_s: float


@dataclass(frozen=True, slots=True)
class Noted:
    """Everything that the clients wrote down."""

    attempts: tuple[Attempt, ...]
    reads: tuple[Read, ...]


class Ledger:
    """A ledger under way, see `keeping`."""

    def __init__(self, process: asyncio.subprocess.Process, spool: Path, clock: Clock) -> None:
        self._process = process
        self._spool = spool
        self._clock = clock
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

    async def stop(self) -> Noted:
        """End the writing and return everything that was noted."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(b"stop\n")
            await self._process.stdin.drain()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._reading
                await self._process.wait()
        except TimeoutError:
            raise TimedOut("the ledger's clients do not end", subject="ledger") from None
        if self._process.returncode != 0:
            raise Error(f"the ledger's clients ended with {self._process.returncode}")
        return await asyncio.to_thread(noted, self._spool)

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
            self._sessions = {id: Session(*each) for id, each in json.loads(line).items()}


class LeftLedger:
    """A ledger whose clients have outlived the control plane that started them."""

    def __init__(self, spool: Path, clock: Clock) -> None:
        self._spool, self._clock = spool, clock

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions as the spool has them."""
        found: dict[int, Session] = {}
        for each in noted(self._spool).attempts:
            before = found.get(each.session, Session(each.endpoint, 0, 0.0))
            if each.answer is Answer.ACKNOWLEDGED:
                found[each.session] = Session(
                    each.endpoint, before.acknowledged + 1, max(before.last_s, each.ended_s)
                )
        return tuple(found.values())

    async def until(self, holds: Callable[[Session], bool], *, deadline_s: float) -> bool:
        """As `Ledger.until`."""
        end = self._clock.monotonic() + deadline_s
        while not all(holds(each) for each in await asyncio.to_thread(lambda: self.sessions)):
            if self._clock.monotonic() > end:
                return False
            await self._clock.sleep(0.5)
        return True

    async def stop(self) -> Noted:
        """As `Ledger.stop`; clients that died on their own account leave what they noted."""
        await asyncio.to_thread(Path(f"{self._spool}.stop").touch)
        end = self._clock.monotonic() + _STOP_TIMEOUT_S
        while not Path(f"{self._spool}.done").exists():
            if self._clock.monotonic() > end:
                raise TimedOut("the ledger's clients do not end", subject="ledger")
            await self._clock.sleep(0.1)
        return await asyncio.to_thread(noted, self._spool)


def noted(spool: Path) -> Noted:
    """What stands in a spool; a last line that was cut short does not count."""
    attempts: list[Attempt] = []
    reads: list[Read] = []
    with spool.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                continue
            kind, session, number, *rest = json.loads(line)
            if kind == "read":
                reads.append(Read(session, number, *rest))
            else:
                endpoint, answer, started_s, ended_s, detail = rest
                attempts.append(
                    Attempt(session, number, endpoint, Answer(answer), started_s, ended_s, detail)
                )
    return Noted(tuple(attempts), tuple(reads))


@asynccontextmanager
async def keeping(
    endpoints: Sequence[Endpoint], clock: Clock, *, site_id: str, spool: Path, load: Load
) -> AsyncIterator[Ledger]:
    """Clients that write to every endpoint; gone when the body ends, in whatever way.

    `spool` is a file that is not there yet, in a folder that is.
    """
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
    spool.touch(mode=0o600)
    ledger = Ledger(process, spool, clock)
    try:
        request = {
            **asdict(load),
            "spool": str(spool),
            "endpoints": [asdict(each) for each in endpoints],
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
        yield ledger
    finally:
        await ledger.end()
