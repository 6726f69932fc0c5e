"""One run of a drill: write, do harm, go on writing, end the harm, count.

start the clients   every session has acknowledged writes on each endpoint
strike              what was aimed at, and nothing else; a word on disk before every stroke
hold                as long as the drill says, or until clients write again
undo                and wait until each session is acknowledged again and every node is back
read back           on the node that leads then
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import psycopg

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error
from holdfast.engines.postgresql import ledger
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.drill_account import ENDPOINTS, State, counted
from holdfast.engines.postgresql.endpoints import Role, login, uri
from holdfast.engines.postgresql.faults import CannotCause, Performer, Scene, performers, targets
from holdfast.engines.postgresql.health import ailments
from holdfast.engines.postgresql.leader_watch import watching
from holdfast.engines.postgresql.observe_node import observe_member
from holdfast.recovery.drill import Drill, Seen, Stroke, When
from holdfast.recovery.ledger import Row
from holdfast.recovery.phases import Moment

LOADS: Mapping[str, tuple[int, float]] = {
    "light": (1, 0.05),
    "normal": (4, 0.01),
    "heavy": (12, 0.002),
}
"""Sessions on each endpoint, and the pause between two writes of one."""
_WARM_WRITES = 10
_WARM_WITHIN_S = 30.0
_WARM_S = 1.5
"""How long clients write beyond that, so that the rhythm before the fault is to be seen."""
_WARM_MORE_S = 1.0
"""And up to as long again, by chance: a fault does not know where Patroni's loop stands."""
_SETTLED_S = 0.5
"""A killed server's sessions may still answer for a moment; later answers are somebody else's."""
_POLL_S = 0.2
_RESUMES_WITHIN_S = 120.0
_OUTLIVES_S = 240.0

Aims: TypeAlias = Sequence[Mapping[str, Json] | None]
Clients: TypeAlias = ledger.Ledger | ledger.LeftLedger


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run saw, and everything that was noted."""

    seen: Seen
    noted: ledger.Noted = field(default_factory=lambda: ledger.Noted((), ()))
    rows: tuple[Row, ...] = ()


async def aims(scene: Scene, drill: Drill) -> list[Mapping[str, Json] | None]:
    """What each stroke will hit; None for those that are aimed when their time has come.

    Raises `CannotCause`, and `Conflict` when there is nothing to hit.
    """
    return [
        None if _is_late(stroke) else await _performer(stroke).aim(scene, stroke.options)
        for stroke in drill.strokes
    ]


def _is_late(stroke: Stroke) -> bool:
    """A backend to be killed is one of clients that do not write yet; so is a second leader."""
    return stroke.when is When.RESUMED or stroke.options.get("what") == "backend"


async def undo(scene: Scene, drill: Drill, aims: Aims) -> None:
    """End every fault that may have been caused, the last one first."""
    for stroke, aim in reversed(list(zip(drill.strokes, aims, strict=True))):
        if aim is not None:
            await _performer(stroke).undo(scene, aim)


class Trial:
    """A run under way. `cancelled` is asked whether to end it early."""

    def __init__(self, scene: Scene, drill: Drill, cancelled: Callable[[], bool]) -> None:
        self._scene, self._drill, self._cancelled = scene, drill, cancelled
        self._clock = scene.doors.clock
        self._folder = Path(scene.folder)

    async def run(self, aims: Aims, *, load: str, seed: int) -> Outcome:
        """Do all of it. Raises before the fault only."""
        leader = await targets.leader(self._scene)
        before = await observe_member(leader, self._scene.doors)
        state = State(leader.name, before.timeline, list(aims))
        sessions, pause_s = LOADS[load]
        endpoints = await self._endpoints(leader, sessions)
        kept = ledger.Load(
            pause_s,
            seed,
            answer_s=self._drill.answer_s,
            outlives_s=_OUTLIVES_S if self._drill.outlives else 0.0,
        )
        async with (
            ledger.keeping(
                endpoints,
                self._clock,
                site_id=self._scene.cluster.site.id,
                spool=self._folder / "ledger",
                load=kept,
            ) as book,
            watching(self._scene.cluster, self._scene.doors) as watch,
        ):
            await self._warm(book)
            try:
                await self._harm(book, state)
                outcome = await self._concluded(book, state, watch.moments)
            except CannotCause as error:
                return Outcome(Seen(unable=error.message))
            except (Error, psycopg.Error) as error:
                why = error.message if isinstance(error, Error) else str(error)
                return Outcome(Seen(interrupted=why, fault_s=state.fault_s))
        return outcome

    async def resume(self, found: bytes) -> Outcome:
        """Go on after the control plane was killed: its clients have written on."""
        state = State.from_bytes(found, struck=len(self._drill.strokes))
        book = ledger.LeftLedger(self._folder / "ledger", self._clock)
        try:
            return await self._concluded(book, state, [])
        except (Error, psycopg.Error) as error:
            why = error.message if isinstance(error, Error) else str(error)
            return Outcome(Seen(interrupted=why, fault_s=state.fault_s))

    # -- before --------------------------------------------------------------------------------

    async def _endpoints(self, leader: Node, sessions: int) -> list[ledger.Endpoint]:
        cluster = self._scene.cluster
        role = login(cluster, Role.RW)
        password = await self._scene.doors.secrets.ensure(role.password)
        database = cluster.spec.databases[0].name
        found = {
            name: uri(
                cluster,
                role.user,
                password,
                database=database,
                pooled=name == "pooled",
                leader=leader.name,
            )
            for name in ENDPOINTS
        }
        return [
            ledger.Endpoint(name, found[name], 1 if name == "new" else sessions, name == "new")
            for name in ENDPOINTS
        ]

    async def _warm(self, book: ledger.Ledger) -> None:
        if not await book.until(
            lambda session: session.acknowledged >= _WARM_WRITES, deadline_s=_WARM_WITHIN_S
        ):
            name = self._scene.cluster.name
            raise Conflict(
                f"not every client of {name} could write within {_WARM_WITHIN_S:g} s",
                subject=f"database {name}",
                hint="no harm was done; look at the endpoints",
            )
        await self._clock.sleep(_WARM_S + self._scene.chance.uniform(0, _WARM_MORE_S))

    # -- the fault -----------------------------------------------------------------------------

    async def _harm(self, book: ledger.Ledger, state: State) -> None:
        for number, stroke in enumerate(self._drill.strokes):
            if self._cancelled():
                return
            if stroke.when is When.RESUMED and not await self._resumed(book, state):
                raise Error("clients did not write again before the next stroke was due")
            await self._clock.sleep(stroke.after_s)
            await self._strike(number, stroke, state)
        await self._hold(book, state)

    async def _strike(self, number: int, stroke: Stroke, state: State) -> None:
        performer = _performer(stroke)
        aim = state.aims[number] or await performer.aim(self._scene, stroke.options)
        state.aims[number] = aim
        state.struck = number + 1
        what = _said(stroke, aim)
        state.moments.append(Moment("fault", self._clock.monotonic(), what))
        await self._write_down(state)
        await performer.inject(self._scene, aim)
        self._scene.doors.note(f"done: {what}")

    async def _write_down(self, state: State) -> None:
        """Before every stroke: what a successor needs, should this process not see its end."""
        await self._scene.doors.host.write(
            str(self._scene.folder / "struck"), state.to_bytes(), mode=0o600
        )

    async def _hold(self, book: ledger.Ledger, state: State) -> None:
        fault_s = state.fault_s or self._clock.monotonic()
        end = fault_s + self._drill.hold_s
        while self._clock.monotonic() < end and not self._cancelled():
            if self._drill.until_resumed and _wrote_since(book, fault_s + _SETTLED_S):
                break
            await self._clock.sleep(_POLL_S)
        for stroke, aim in self._struck(state):
            seen = await _performer(stroke).facts(self._scene, aim)
            state.facts[stroke.fault] = {**state.facts.get(stroke.fault, {}), **seen}

    async def _resumed(self, book: Clients, state: State) -> bool:
        since = max(each.at_s for each in state.moments if each.what == "fault") + _SETTLED_S
        limit_s = self._scene.cluster.tier.rto_s + _RESUMES_WITHIN_S
        return await book.until(lambda each: each.last_s > since, deadline_s=limit_s)

    def _struck(self, state: State) -> list[tuple[Stroke, Mapping[str, Json]]]:
        found = zip(self._drill.strokes[: state.struck], state.aims, strict=False)
        return [(stroke, aim) for stroke, aim in found if aim is not None]

    # -- afterwards ----------------------------------------------------------------------------

    async def _concluded(self, book: Clients, state: State, watched: list[Moment]) -> Outcome:
        """From the end of the fault to the account."""
        await undo(self._scene, self._drill, state.aims)
        undone_s = self._clock.monotonic()
        if self._drill.hold_s:
            state.moments.append(Moment("undone", undone_s))
            self._scene.doors.note("undone")
        if self._cancelled():
            return Outcome(Seen(interrupted="it was cancelled", fault_s=state.fault_s))
        whole_s, why_not = await self._recovered(book, state, undone_s)
        if whole_s is not None:
            for stroke, aim in self._struck(state):
                found = await _performer(stroke).after(self._scene, aim)
                state.facts[stroke.fault] = {**state.facts.get(stroke.fault, {}), **found}
        await self._clock.sleep(_SETTLED_S)
        end_s = self._clock.monotonic()
        noted = await book.stop()
        moments = tuple(sorted([*state.moments, *watched], key=lambda each: each.at_s))
        seen, rows = await counted(self._scene, state, noted, moments, end_s)
        since_s = state.fault_s or undone_s
        return Outcome(
            replace(
                seen,
                undone_s=undone_s,
                facts=state.facts,
                redundant_after_s=None if whole_s is None else whole_s - since_s,
                why_not_redundant=why_not,
            ),
            noted,
            rows or (),
        )

    async def _recovered(
        self, book: Clients, state: State, undone_s: float
    ) -> tuple[float | None, str]:
        """When all nodes were back (monotonic), or what was missing at the deadline."""
        begun_s = state.fault_s or undone_s
        end_s = undone_s + self._scene.cluster.tier.rto_s + self._drill.deadline_s

        async def whole() -> tuple[float | None, str]:
            while missing := await self._missing(state):
                if self._clock.monotonic() > end_s:
                    return None, "; ".join(missing)
                await self._clock.sleep(_POLL_S)
            now = self._clock.monotonic()
            self._scene.doors.note(f"all nodes are back after {now - begun_s:.1f} s")
            return now, ""

        async def resumed() -> None:
            if await self._resumed(book, state):
                since_s = self._clock.monotonic() - begun_s
                self._scene.doors.note(f"all clients write again after {since_s:.1f} s")

        (whole_s, why_not), _ = await asyncio.gather(whole(), resumed())
        return whole_s, why_not

    async def _missing(self, state: State) -> list[str]:
        for stroke, aim in self._struck(state):
            if open_ := await _performer(stroke).outstanding(self._scene, aim):
                return [open_]
        return await ailments(self._scene.cluster, self._scene.doors)


def _performer(stroke: Stroke) -> Performer:
    return performers()[stroke.fault]


def _said(stroke: Stroke, aim: Mapping[str, Json]) -> str:
    """A stroke in few words: `kill server orders-1`."""
    parts = (stroke.fault, aim.get("what", ""), aim.get("node", ""))
    return " ".join(part for part in parts if part)


def _wrote_since(book: Clients, since_s: float) -> bool:
    return bool(book.sessions) and all(each.last_s > since_s for each in book.sessions)
