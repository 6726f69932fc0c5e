"""The account of a drill's run: how far it came, and what the rows and the notes say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import psycopg

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.engines.postgresql import ledger, ledger_table
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.faults import Scene, targets
from holdfast.engines.postgresql.observe_node import observe_member
from holdfast.recovery.drill import Seen
from holdfast.recovery.ledger import Answer, Row, account, gap
from holdfast.recovery.phases import Moment, phases
from holdfast.recovery.timelines import switches

ENDPOINTS = ("direct", "pooled", "new")
"""The last one is direct, too, with a new connection for each write."""


@dataclass(slots=True)
class State:
    """How far a run is; what a successor of a killed control plane has to know of it."""

    leader: str
    timeline: int | None
    aims: list[Mapping[str, Json] | None]
    struck: int = 0
    moments: list[Moment] = field(default_factory=list)
    facts: dict[str, Json] = field(default_factory=dict)
    undone: bool = False

    @property
    def fault_s(self) -> float | None:
        """When the first stroke came."""
        return next((each.at_s for each in self.moments if each.what == "fault"), None)

    def to_bytes(self) -> bytes:
        """JSON, the inverse of `from_bytes`."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes, *, struck: int) -> State:
        """What a predecessor wrote down, with that many strokes done."""
        data = json.loads(content)
        moments = [Moment(**each) for each in data["moments"]]
        return cls(data["leader"], data["timeline"], data["aims"], struck, moments)


async def counted(
    scene: Scene,
    state: State,
    noted: ledger.Noted,
    moments: tuple[Moment, ...],
    end_s: float,
) -> tuple[Seen, tuple[Row, ...] | None]:
    """What the run saw, and the rows of the final primary; None where they cannot be read."""
    leader, rows = await _read_back(scene)
    after = await observe_member(leader, scene.doors) if leader else None
    fault_s = state.fault_s
    assert fault_s is not None
    gaps = tuple(
        (
            name,
            gap([a for a in noted.attempts if a.endpoint == name], fault_s=fault_s, end_s=end_s),
        )
        for name in ENDPOINTS
    )
    seen = Seen(
        fault_s=fault_s,
        acknowledged_before=sum(
            1
            for each in noted.attempts
            if each.answer is Answer.ACKNOWLEDGED and each.ended_s <= fault_s
        ),
        account=None if rows is None else account(noted.attempts, rows, noted.reads),
        gaps=gaps,
        phases=tuple((name, phases(moments, each)) for name, each in gaps),
        moments=moments,
        switches=switches(rows or ()),
        leader_before=state.leader,
        leader_after=leader.name if leader else "",
        timeline_before=state.timeline,
        timeline_after=after.timeline if after else None,
    )
    return seen, rows


async def _read_back(scene: Scene) -> tuple[Node | None, tuple[Row, ...] | None]:
    try:
        leader = await targets.leader(scene)
        database = scene.cluster.spec.databases[0].name
        async with scene.doors.connect(leader, database) as connection:
            return leader, await ledger_table.read_back(connection)
    except (Error, psycopg.Error) as error:
        why = error.message if isinstance(error, Error) else str(error)
        scene.doors.note(f"the ledger could not be read back: {why}")
        return None, None
