"""How long a client cannot write while the leader changes or dies, and whether anything is lost.

The write ledger is the drills' own: clients in a process of their own write unique rows every
few milliseconds through both endpoints; what they were told is held against what is read back on
the final primary. A gap is the longest silence of any one session.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from benchmark.options import Options
from benchmark.place import DATABASE, Place, engine
from holdfast.app.wiring import RealPlatform
from holdfast.core.errors import Error, TimedOut
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name
from holdfast.engines.postgresql.faults import Scene, chance, targets
from holdfast.engines.postgresql.leadership import leader_name
from holdfast.engines.postgresql.ledger import Endpoint, Ledger, Load, keeping
from holdfast.engines.postgresql.ledger_table import create_table, drop_table, read_back
from holdfast.recovery.ledger import Answer, Attempt, account, gap
from holdfast.workflows.planning import planned_for

PAUSE_S = 0.005
SESSIONS = 2
"""Through each endpoint."""
_BEFORE = 150
"""Acknowledged writes of each session before the fault."""
_RESUME_TIMEOUT_S = 90.0
_HEAL_TIMEOUT_S = 120.0
_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run needs."""

    at: Place
    platform: RealPlatform
    cluster: Cluster
    doors: Doors
    endpoints: tuple[Endpoint, ...]

    @property
    def database(self) -> str:
        """The logical database that is written to."""
        return self.cluster.spec.databases[0].name


async def measure(at: Place, options: Options) -> AsyncIterator[dict[str, Any]]:
    """The faults in turns, so that none of them always meets the same node."""
    await at.apply()
    # Given out once, as an application has them.
    endpoints = (
        Endpoint("direct", await at.dsn(), SESSIONS),
        Endpoint("pooled", await at.dsn("--pooled"), SESSIONS),
    )
    async with engine(at) as (platform, cluster, doors):
        stage = Stage(at, platform, cluster, doors, endpoints)
        times = {
            "switchover": options.kills,
            "kill-postmaster": options.kills,
            "kill-node": options.kills,
            "lose-node": options.runs,
        }
        for number in range(1, max(times.values()) + 1):
            for fault in [fault for fault, count in times.items() if number <= count]:
                yield {"fault": fault, "round": number, **await _run(stage, fault)}


async def _run(stage: Stage, fault: str) -> dict[str, Any]:
    await _whole(stage)
    leader = await _leader(stage)
    async with stage.doors.connect(leader, stage.database) as connection:
        writer = urlsplit(stage.endpoints[0].uri).username or ""
        await create_table(connection, writer, mark="benchmark")
    spool = Path(tempfile.mkdtemp()) / "ledger"
    async with keeping(
        stage.endpoints,
        stage.doors.clock,
        site_id=stage.platform.site.id,
        spool=spool,
        load=Load(PAUSE_S),
    ) as ledger:
        if not await ledger.until(lambda each: each.acknowledged >= _BEFORE, deadline_s=60):
            raise TimedOut("the ledger's clients cannot write before the fault")
        fault_s = await _cause(stage, fault, ledger)
        whole_s = await _healed(stage)
        await asyncio.sleep(_AFTER_S)
        end_s = time.monotonic()
        attempts = (await ledger.stop()).attempts
    shutil.rmtree(spool.parent)
    final = await _leader(stage)
    async with stage.doors.connect(final, stage.database) as connection:
        kept = account(attempts, await read_back(connection))
        await drop_table(connection)
    return {
        "node": leader.name,
        "gap_s": {
            each.name: _longest(attempts, each.name, fault_s, end_s) for each in stage.endpoints
        },
        "failed": {
            each.name: sum(
                attempt.endpoint == each.name and attempt.answer is not Answer.ACKNOWLEDGED
                for attempt in attempts
            )
            for each in stage.endpoints
        },
        "acknowledged": kept.acknowledged,
        "unknown": kept.unknown,
        "lost": len(kept.lost),
        "out_of_order": len(kept.repeated) + len(kept.misplaced) + len(kept.resurrected),
        "healed_s": None if whole_s is None else round(whole_s - fault_s, 2),
    }


def _longest(
    attempts: Sequence[Attempt], endpoint: str, fault_s: float, end_s: float
) -> float | None:
    """The longest gap of any session of the endpoint; None when one did not write again."""
    sessions = {each.session for each in attempts if each.endpoint == endpoint}
    found = [
        gap((each for each in attempts if each.session == session), fault_s=fault_s, end_s=end_s)
        for session in sessions
    ]
    whole = [each.seconds for each in found if each is not None]
    return round(max(whole), 3) if len(whole) == len(found) and whole else None


async def _cause(stage: Stage, fault: str, ledger: Ledger) -> float:
    """Cause the fault, wait until every session writes again, return the moment of the fault."""
    if fault == "switchover":
        moment = time.monotonic()
        await stage.at.holdfast("switchover", DATABASE)
    else:
        what = "server" if fault == "kill-postmaster" else "node"
        scene = Scene(stage.cluster, stage.doors, "benchmark", PurePosixPath("/"), chance(0, fault))
        aim = await targets.aim(scene, {"what": what})
        if fault == "lose-node":
            with _nobody_restarts(await _supervisor(stage)):
                moment = await _struck(scene, aim)
                await _resumed(ledger, moment)
        else:
            moment = await _struck(scene, aim)
    await _resumed(ledger, moment)
    return moment


async def _struck(scene: Scene, aim: Mapping[str, Any]) -> float:
    moment = time.monotonic()
    user = scene.cluster.site.os_user
    await targets.send("KILL", targets.processes(aim), scene.doors.host, user=user)
    return moment


async def _resumed(ledger: Ledger, moment: float) -> None:
    # What was on its way may still be acknowledged just after the fault. Writes that do not
    # resume in time show as a gap without an end.
    await ledger.until(lambda each: each.last_s > moment + 0.5, deadline_s=_RESUME_TIMEOUT_S)


async def _supervisor(stage: Stage) -> int:
    pid = await stage.platform.doors.daemon.pid()
    if pid is None:
        raise Error("the site has no supervisor to stop")
    return pid


@contextmanager
def _nobody_restarts(supervisor: int) -> Iterator[None]:
    """What is killed meanwhile stays dead, as on a machine that is gone."""
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


async def _leader(stage: Stage) -> Node:
    name = await leader_name(stage.cluster, stage.doors)
    node = by_name(stage.cluster, name) if name else None
    if node is None:
        raise Error(f"{stage.cluster.name} has no leader")
    return node


async def _whole(stage: Stage) -> None:
    """Begin with nothing left to do; a cluster that did not heal by itself is helped."""
    if await _healed(stage) is None:
        await stage.at.apply()
    if await _healed(stage) is None:
        raise TimedOut(f"{DATABASE} is not whole, even after an apply")


async def _healed(stage: Stage) -> float | None:
    """The moment when the platform itself finds nothing to do; None when it does not come."""
    deadline = time.monotonic() + _HEAL_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if not (await planned_for(stage.platform, stage.cluster)).plan.changes:
                return time.monotonic()
        except Error:
            # Somebody does not answer yet: that is not whole.
            pass
        await asyncio.sleep(0.3)
    return None
