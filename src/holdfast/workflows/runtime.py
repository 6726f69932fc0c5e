"""Running operations durably. The only module that knows the workflow library.

One process at a time runs the operations of a control database: the one that holds a session
advisory lock there. Any other waits for the lock as a standby, and goes on where the first one
stopped. Within the process, this module starts queued operations, oldest first and one per
database, wakes up who waits for news of one, and stops between two steps when it is told to.

The library re-runs unfinished workflows of an executor id and an application version on launch,
so both are constants here. Its own queues and schedules stay unused, because they are polled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._serialization import DBOSPortableJSON, DefaultSerializer, deserialize_value

from holdfast.core.change import Json
from holdfast.core.errors import Bug, Cancelled, Error, Invalid, Transient
from holdfast.store import Store, operations
from holdfast.store.lock import SessionLock
from holdfast.store.operations import Operation
from holdfast.workflows import failure
from holdfast.workflows.journal import StoredJournal, persistently
from holdfast.workflows.platform import Platform
from holdfast.workflows.registry import Workflow
from holdfast.workflows.run import Checkpoint, Run

_log = logging.getLogger(__name__)

_EXECUTOR = "holdfast"
_VERSION = "1"
"""What a running workflow is bound to. Constant, or an upgrade would strand what is under way."""

_RUNNING_AT_ONCE = 6
_TICK_S = 10.0
_NEWS_TICK_S = 5.0
_UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
"""The library's states of a workflow that it will run again by itself."""


def _refuse_pickle(self: DefaultSerializer, serialized_data: str) -> NoReturn:
    raise ValueError("a pickled value is not read: to read one is to run whatever it says")


# A row itself names the format it is read with, whatever `serializer` is configured. Whoever can
# write the control database must not choose code that runs as the control plane's user. The one
# method behind every reader of pickles is replaced before the library is used.
DefaultSerializer.deserialize = _refuse_pickle  # type: ignore[assignment]


def _check_that_pickles_are_refused() -> None:
    """An upgrade of the library that reads pickles in another place is not started with."""
    try:
        deserialize_value("gAROLg==", "py_pickle", DBOSPortableJSON)
    except ValueError:
        return
    raise Bug("the workflow library reads pickled values")


class _DurablePlace:
    """A `Checkpoint` of the library."""

    def __init__(self) -> None:
        self._reservation = DBOS.reserve_step()

    async def run(self, name: str, act: Callable[[], Awaitable[Json]]) -> Json:
        async def call() -> Json:
            return await act()

        return await self._reservation.run_async({"name": name}, call)


class _DurablePlaces:
    """The `Checkpoints` of the workflow that is running in this task."""

    def reserve(self) -> Checkpoint:
        return _DurablePlace()


@dataclass(slots=True)
class _Active:
    """An operation that runs in this process."""

    task: asyncio.Task[object]
    run: Run | None = None


class Runtime:
    """The operations of one control database.

    `platform` is what bodies get; `on_lost` is called when another process took over, after
    which this one must not go on.
    """

    def __init__(
        self,
        platform: Platform,
        workflows: Mapping[str, Workflow],
        *,
        on_lost: Callable[[], None],
    ) -> None:
        self._platform = platform
        self._store: Store = platform.store
        self._workflows = workflows
        self._lock = SessionLock(self._store.url, "runtime", on_lost=on_lost)
        self._active: dict[str, _Active] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._starting = asyncio.Lock()
        self._work = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        self._halting = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of operation there are, sorted."""
        return tuple(sorted(self._workflows))

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Wait for the lock, then go on with what was running and start what is queued."""
        _check_that_pickles_are_refused()
        await self._lock.acquire()
        config: DBOSConfig = {
            "name": "holdfast",
            "system_database_url": self._store.url,
            "dbos_system_schema": "dbos",
            "application_version": _VERSION,
            "executor_id": _EXECUTOR,
            "serializer": DBOSPortableJSON,
            "sys_db_pool_size": 5,
            "max_executor_threads": 16,
            # Nothing here waits for the library's notifications; listening would cost a
            # connection, and pushing them a wake-up every 10 ms.
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 1.0,
            "scheduler_polling_interval_sec": 3600.0,
            "log_level": "ERROR",
            "enable_otlp": False,
        }
        DBOS(config=config)

        # The number of recoveries has no limit: what has to end is ended by its own rules.
        @DBOS.workflow(name="operation", max_recovery_attempts=None)
        async def operation(operation_id: str) -> None:
            await self._execute(operation_id)

        self._durable = operation
        # In this thread, so that the library runs workflows on this very event loop.
        DBOS.launch()
        await self._settle()
        self._dispatcher = asyncio.create_task(self._dispatch())

    async def stop(self, *, grace_s: float = 5.0) -> None:
        """Let the steps under way end for `grace_s` seconds, then stop.

        What is unfinished stays so, and the next process goes on with it.
        """
        self._halting = True
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        tasks = [active.task for active in self._active.values()]
        busy = [active.run for active in self._active.values() if active.run is not None]
        deadline = asyncio.get_running_loop().time() + grace_s
        while any(run.is_in_step for run in busy):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        await self._lock.release()

    async def _settle(self) -> None:
        """No operation stays `running` without a workflow that runs it."""
        for operation in await persistently(self._store, operations.running):
            status = await DBOS.get_workflow_status_async(operation.id)
            if status is None:
                await self._launch(operation.id)
            elif status.status not in _UNFINISHED:
                error = Bug(f"its workflow ended as {status.status} without an outcome")
                journal = self._journal(operation.id)
                await journal.close("failed", error=failure.to_json(error))

    # -- asking --------------------------------------------------------------------------------

    async def submit(
        self,
        kind: str,
        request: Mapping[str, Json],
        *,
        database: str | None,
        actor: str,
        refuse_if_busy: bool = False,
        slot: str | None = None,
    ) -> Operation:
        """Queue an operation and return it at once.

        Raises `Invalid` for a kind that does not exist or a request that its workflow does not
        accept, and `Conflict` with `refuse_if_busy` when another operation on the database is
        queued or running, or when the `slot` has its operation already.
        """
        workflow = self._workflows.get(kind)
        if workflow is None:
            raise Invalid(
                f"there is no operation of the kind {kind!r}",
                hint=f"use one of {', '.join(self.kinds)}",
            )
        workflow.refuse(request)
        async with self._store.begin() as connection:
            operation = await operations.create(
                connection,
                kind=kind,
                database=database,
                request=request,
                actor=actor,
                refuse_if_busy=refuse_if_busy,
                slot=slot,
            )
        self._work.set()
        return operation

    async def cancel(self, operation_id: str) -> Operation:
        """Ask an operation to stop between two steps. A finished one stays as it is."""
        async with self._store.begin() as connection:
            operation = await operations.request_cancel(connection, operation_id)
        active = self._active.get(operation_id)
        if active is not None and active.run is not None:
            active.run.is_cancel_requested = True
        self._announce(operation_id)
        self._work.set()
        return operation

    async def news(self, operation_id: str, *, after: int, wait_s: float) -> Operation:
        """The operation, once its revision is beyond `after`, it is finished or time is up."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait_s
        while True:
            event = self._news.setdefault(operation_id, asyncio.Event())
            async with self._store.begin() as connection:
                operation = await operations.get(connection, operation_id)
            left_s = deadline - clock()
            if operation.revision > after or operation.is_finished or left_s <= 0:
                return operation
            try:
                await asyncio.wait_for(event.wait(), min(left_s, _NEWS_TICK_S))
            except TimeoutError:
                continue

    def _announce(self, operation_id: str) -> None:
        event = self._news.pop(operation_id, None)
        if event is not None:
            event.set()

    # -- running -------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        """Start what can start, whenever something was queued or ended."""
        while True:
            self._work.clear()
            try:
                await self._start_queued()
            except Transient as error:
                _log.warning("cannot start operations: %s", error.message)
            try:
                await asyncio.wait_for(self._work.wait(), _TICK_S)
            except TimeoutError:
                continue

    async def _start_queued(self) -> None:
        async with self._store.begin() as connection:
            waiting = await operations.startable(connection)
        for operation_id in waiting[: max(0, _RUNNING_AT_ONCE - len(self._active))]:
            async with self._store.begin() as connection:
                started = await operations.start(connection, operation_id)
            if started:
                self._announce(operation_id)
                await self._launch(operation_id)

    async def _launch(self, operation_id: str) -> None:
        with SetWorkflowID(operation_id):
            await DBOS.start_workflow_async(self._durable, operation_id)

    async def _execute(self, operation_id: str) -> None:
        """The one workflow that the library knows: run an operation's body to its end."""
        task = asyncio.current_task()
        assert task is not None
        if self._halting:
            await asyncio.Event().wait()
        active = self._active[operation_id] = _Active(task)
        journal = self._journal(operation_id)
        try:
            operation = await journal.resume()
            if operation.is_finished:
                return  # its process died right after it had ended
            active.run = self._run(operation, journal)
            await self._conclude(active.run, operation, journal)
        finally:
            del self._active[operation_id]
            self._work.set()

    async def _conclude(self, run: Run, operation: Operation, journal: StoredJournal) -> None:
        """Every way in which a body can end becomes a final state of the operation."""
        try:
            workflow = self._workflows.get(operation.kind)
            if workflow is None:
                raise Bug(f"this release has no operation of the kind {operation.kind!r}")
            outcome = await workflow.body(run, operation.request)
            await run.settle()
            await journal.close("succeeded", outcome=outcome)
        except Cancelled as error:
            await run.settle()
            await journal.close("cancelled", error=failure.to_json(error))
        except Exception as error:  # noqa: BLE001 - the requester hears of it
            if not isinstance(error, Error):
                _log.exception("operation %s failed on an unforeseen error", operation.id)
            await run.settle()
            step = run.step_of(error)
            await journal.close("failed", error=failure.to_json(error, step=step))

    def _run(self, operation: Operation, journal: StoredJournal) -> Run:
        run = Run(
            platform=self._platform,
            operation_id=operation.id,
            database=operation.database,
            actor=operation.actor,
            checkpoints=_DurablePlaces(),
            journal=journal,
            halting=lambda: self._halting,
        )
        run.is_cancel_requested = operation.cancel_requested
        return run

    def _journal(self, operation_id: str) -> StoredJournal:
        return StoredJournal(
            self._store, operation_id, on_write=lambda: self._announce(operation_id)
        )
