"""What a verification asks of the source: to be counted, marked, and compared with a copy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.engines.postgresql import counts, witness
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.cluster import POSTGRES, READER, Cluster
from holdfast.engines.postgresql.counts import Connect, Rules
from holdfast.engines.postgresql.doors import Connection, Doors
from holdfast.engines.postgresql.leadership import leader_of
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.witness import Witness
from holdfast.recovery.comparison import Count
from holdfast.workflows.planning import doors
from holdfast.workflows.run import Run

_SOURCE_WITHIN_S = 40.0


async def witnessed(run: Run, cluster: Cluster, counted: bool, marked: bool) -> Json:
    """The source at a restore point of its own, see `engines.postgresql.witness`."""
    found = await _asked(run, cluster, counted, marked)
    if found.problem:
        run.log(found.problem, level="warning")
    return found.to_json()


async def _asked(run: Run, cluster: Cluster, counted: bool, marked: bool) -> Witness:
    """What the source holds; a failover is waited for, and a source that stays away is no end."""
    clock = run.platform.clock
    end = clock.monotonic() + _SOURCE_WITHIN_S
    while True:
        try:
            return await _marked(run, cluster, counted, marked)
        except Error as error:
            if clock.monotonic() > end:
                # Its backup has to restore all the more; only the comparison stays open.
                return Witness(problem=f"the source cannot be asked: {error.message}")
        await clock.sleep(1.0)


async def _marked(run: Run, cluster: Cluster, counted: bool, marked: bool) -> Witness:
    """One try, with a restore point of its own: recovery stops at the first one of a name."""
    clock = run.platform.clock
    point = f"holdfast_{run.operation_id}_{clock.now():%Y%m%dT%H%M%S%f}"
    engine = doors(run.platform, run.log)
    return await witness.witness(
        _source(cluster, engine, POSTGRES),
        _source(cluster, engine, READER),
        clock,
        point=point,
        counted=counted,
        marked=marked,
    )


def _source(cluster: Cluster, engine: Doors, user: str) -> Connect:
    """Connections to whoever leads at the time."""

    @asynccontextmanager
    async def connect(database: str) -> AsyncIterator[Connection]:
        leader = await leader_of(cluster, engine)
        async with engine.connect(leader, database, user=user) as connection:
            # Counting a large table may take long, and is stopped by the operation's own end.
            await connection.execute("set statement_timeout = '30min'")
            yield connection

    return connect


async def compared(
    run: Run,
    cluster: Cluster,
    sandbox: Sandbox,
    marked: Mapping[str, Json],
    exact: Sequence[str],
) -> Json:
    """A comparison of the copy with its source, or `why_not`."""
    source = Witness.from_json(marked)
    if source.problem:
        return {"why_not": source.problem, "spent_s": 0.0}
    clock = run.platform.clock
    begun = clock.monotonic()
    engine = doors(run.platform, run.log)
    try:
        copy: Mapping[str, Count] = await counts.count(
            lambda database: boxes.connected(sandbox, database, user=READER),
            Rules(seed=source.point, blocks=source.sampled),
        )
        reading = _source(cluster, engine, READER)
        found = await witness.compare(source, copy, reading, clock, exact=tuple(exact))
    except Error as error:
        return {"why_not": error.message, "spent_s": clock.monotonic() - begun}
    return {**asdict(found), "spent_s": clock.monotonic() - begun}
