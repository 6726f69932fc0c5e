"""What a workflow's body holds in its hand: durable steps, a log, progress, cancellation.

A body is run again from its start after a crash. Steps that had completed return what they
returned then, without being called; the one that was interrupted is called again, so every
step is idempotent. Between steps a body only decides, and decides the same every time: no
clock, no randomness and no reading of the world outside a step.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from holdfast.core.change import Json
from holdfast.core.errors import Bug, Cancelled, Error, Transient
from holdfast.store.journal import LogEntry
from holdfast.workflows import failure
from holdfast.workflows.journal import Journal
from holdfast.workflows.platform import Platform

Act: TypeAlias = Callable[..., Awaitable[Json]]
"""What a step does: async, idempotent, returning JSON without any secret in it."""

RETRY_FOR_S = 60.0
"""How long a step is tried again while it raises `Transient`, unless it says otherwise."""

_LONGEST_WAIT_S = 10.0
_FLUSH_AFTER_S = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a graph. `needs` are names of steps of the same graph that come first."""

    name: str
    act: Callable[[], Awaitable[Json]]
    needs: tuple[str, ...] = ()
    retry_for_s: float = RETRY_FOR_S
    timeout_s: float | None = None


class Checkpoint(Protocol):
    """One durable place in a workflow's sequence."""

    async def run(self, name: str, act: Callable[[], Awaitable[Json]]) -> Json:
        """What `act` returned when it completed at this place; it is called if it never did."""
        ...


class Checkpoints(Protocol):
    """The durable sequence of one workflow."""

    def reserve(self) -> Checkpoint:
        """The next place. The order of calls has to be the same in every replay."""
        ...


@dataclass(slots=True)
class _Current:
    """The step that the calling code is in, and what makes its log lines unique."""

    seq: int
    token: str
    lines: int = 0


_current: ContextVar[_Current | None] = ContextVar("holdfast_step", default=None)


class Run:
    """One operation under way.

    `operation_id` fences what its steps do, `database` is None for an operation on the site.
    """

    def __init__(
        self,
        *,
        platform: Platform,
        operation_id: str,
        database: str | None,
        actor: str,
        checkpoints: Checkpoints,
        journal: Journal,
        halting: Callable[[], bool] = lambda: False,
    ) -> None:
        self.platform = platform
        self.operation_id = operation_id
        self.database = database
        self.actor = actor
        self.is_cancel_requested = False
        self._checkpoints = checkpoints
        self._journal = journal
        self._halting = halting
        self._seq = 0
        self._lines = 0
        self._cancelled = False
        self._under_way = 0
        self._failures: list[tuple[Error, str]] = []
        self._entries: list[LogEntry] = []
        self._progress: dict[int, Json] = {}
        self._writing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None

    # -- steps ---------------------------------------------------------------------------------

    async def step(
        self,
        name: str,
        act: Act,
        *args: object,
        retry_for_s: float = RETRY_FOR_S,
        timeout_s: float | None = None,
        always: bool = False,
    ) -> Json:
        """Do one durable step and return its result.

        `Transient` errors are tried again for `retry_for_s` seconds. After `timeout_s` the step
        ends with `TimedOut`. Raises `Cancelled` instead of starting when the operation was asked
        to stop, unless `always` is set or it has been raised before: cleaning up still runs.
        """

        async def bound() -> Json:
            return await act(*args)

        seq, checkpoint = self._reserve()
        step = Step(name, bound, retry_for_s=retry_for_s, timeout_s=timeout_s)
        return await self._at(seq, checkpoint, step, always=always)

    async def graph(self, steps: Sequence[Step], *, limit: int = 4) -> dict[str, Json]:
        """Do steps concurrently, at most `limit` at once, each after those it needs.

        After the first failure no further step starts; those under way finish, then the failure
        of the earliest step in the given order is raised. Results are by name.
        """
        _check_graph(steps)
        places = {step.name: self._reserve() for step in steps}
        seen = await self._journal.states()
        await self._journal.announce(
            [(seq, name) for name, (seq, _) in places.items() if seq not in seen]
        )
        # Before a crash, a failure may have kept steps from starting. What has started by then
        # is done over first, so that the failure is known again before anything new begins.
        begun = {
            name for name, (seq, _) in places.items() if seen.get(seq) not in (None, "pending")
        }
        failed_before = any(seen.get(seq) in ("failed", "cancelled") for seq, _ in places.values())
        done: dict[str, Json] = {}
        if failed_before:
            await self._layer([step for step in steps if step.name in begun], places, done, limit)
        await self._layer(steps, places, done, limit)
        return done

    async def _layer(
        self,
        steps: Sequence[Step],
        places: Mapping[str, tuple[int, Checkpoint]],
        done: dict[str, Json],
        limit: int,
    ) -> None:
        """Run these steps of a graph into `done`; raise the earliest failure."""
        waiting = [step for step in steps if step.name not in done]
        running: dict[asyncio.Task[Json], Step] = {}
        errors: dict[str, Error] = {}
        try:
            while True:
                ready = [step for step in waiting if all(need in done for need in step.needs)]
                for step in ready[: max(0, limit - len(running))] if not errors else ():
                    waiting.remove(step)
                    task = asyncio.create_task(self._at(*places[step.name], step))
                    running[task] = step
                if not running:
                    break
                finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    step = running.pop(task)
                    try:
                        done[step.name] = task.result()
                    except Error as error:
                        errors[step.name] = error
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        for step in steps:
            if step.name in errors:
                raise errors[step.name]

    def step_of(self, error: BaseException) -> str:
        """The name of the step that raised this very error; empty when none did."""
        return next((name for failed, name in self._failures if failed is error), "")

    @property
    def is_in_step(self) -> bool:
        """Whether any step is under way."""
        return self._under_way > 0

    def _reserve(self) -> tuple[int, Checkpoint]:
        self._seq += 1
        self._lines = 0
        return self._seq, self._checkpoints.reserve()

    async def _at(
        self, seq: int, checkpoint: Checkpoint, step: Step, *, always: bool = False
    ) -> Json:
        """The result of a step at its place, or its error."""
        if self._halting():
            await asyncio.Event().wait()  # the process ends here; the next one goes on

        async def perform() -> Json:
            return await self._perform(seq, step, always=always)

        self._under_way += 1
        try:
            record = await checkpoint.run(step.name, perform)
        finally:
            self._under_way -= 1
        if "error" not in record:
            return record["result"]
        error = failure.from_json(record["error"])
        self._cancelled = self._cancelled or isinstance(error, Cancelled)
        self._failures.append((error, step.name))
        raise error

    async def _perform(self, seq: int, step: Step, *, always: bool) -> dict[str, Json]:
        """Do a step and return what is recorded of it for ever: its result or its error."""
        asked_to_stop = await self._journal.start(seq, step.name)
        self.is_cancel_requested = self.is_cancel_requested or asked_to_stop
        with _inside(seq):
            try:
                if self.is_cancel_requested and not always and not self._cancelled:
                    raise Cancelled(f"cancelled before step {step.name!r}")
                result = await self._persevere(step)
                _check_json(step.name, result)
            except Exception as error:  # noqa: BLE001 - whatever it is, the requester hears of it
                return await self._failed(seq, step.name, error)
        await self.settle()
        await self._journal.finish(seq, "succeeded", {})
        return {"result": result}

    async def _failed(self, seq: int, name: str, error: Exception) -> dict[str, Json]:
        record = failure.to_json(error, step=name)
        if record["code"] == Bug.code:
            self.log("".join(traceback.format_exception(error)), level="debug")
        self.log(record["message"], level="error")
        await self.settle()
        state = "cancelled" if isinstance(error, Cancelled) else "failed"
        await self._journal.finish(seq, state, {"error": record["message"]})
        return {"error": record}

    async def _persevere(self, step: Step) -> Json:
        """Call the step's act until it returns or raises something that does not pass by itself."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + step.retry_for_s
        tries = 0
        while True:
            try:
                async with asyncio.timeout(step.timeout_s):
                    return await step.act()
            except Transient as error:
                wait_s = min(error.retry_after_s * 2 ** min(tries, 6), _LONGEST_WAIT_S)
                tries += 1
                if clock() + wait_s > deadline:
                    raise
                self.log(f"{error.message}; trying again", level="warning")
                await asyncio.sleep(wait_s)
            if self.is_cancel_requested and not self._cancelled:
                raise Cancelled(f"cancelled while step {step.name!r} was being tried again")

    # -- what others see of it -----------------------------------------------------------------

    def log(self, text: str, *, level: str = "info") -> None:
        """Add a line to the operation's log, soon. `level` is debug, info, warning or error."""
        current = _current.get()
        if current is None:
            self._lines += 1
            origin = f"{self._seq}:{self._lines}"  # the same in every replay
        else:
            current.lines += 1
            origin = f"{current.seq}.{current.token}.{current.lines}"
        step = None if current is None else current.seq
        self._entries.append(LogEntry(level, text, step, origin))
        self._flush_soon()

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Say how far the step is that this is called in; the latest word counts."""
        current = _current.get()
        if current is None:
            raise Bug("progress was reported outside of a step")
        self._progress[current.seq] = {"done": done, "total": total, "text": text}
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later())

    async def _flush_later(self) -> None:
        while self._entries or self._progress:
            await asyncio.sleep(_FLUSH_AFTER_S)
            await self.settle()

    async def settle(self) -> None:
        """Return once everything that was logged so far is in the journal."""
        async with self._writing:
            entries, self._entries = self._entries, []
            progress, self._progress = self._progress, {}
            if entries:
                await self._journal.write(entries)
            for seq, detail in progress.items():
                await self._journal.describe(seq, {"progress": detail})


@contextmanager
def _inside(seq: int) -> Iterator[None]:
    token = _current.set(_Current(seq, secrets.token_hex(4)))
    try:
        yield
    finally:
        _current.reset(token)


def _check_json(name: str, result: Json) -> None:
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Bug(f"step {name!r} returned something that is not JSON: {error}") from error


def _check_graph(steps: Sequence[Step]) -> None:
    """Raise `Bug` unless names are unique and every need can be met."""
    names = {step.name for step in steps}
    if len(names) != len(steps):
        raise Bug("two steps of one graph share a name")
    met: set[str] = set()
    left = list(steps)
    while left:
        ready = [step for step in left if met.issuperset(step.needs)]
        if not ready:
            stuck = ", ".join(f"{step.name} needs {', '.join(step.needs)}" for step in left)
            raise Bug(
                f"steps of a graph wait for each other or for a step that is not there: {stuck}"
            )
        met.update(step.name for step in ready)
        left = [step for step in left if step not in ready]
