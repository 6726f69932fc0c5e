"""Where the time of a failover goes: detect, elect, promote, route.

The four parts add up to the time from the fault to the first acknowledged write behind the gap.
What nobody saw is None, and not a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from holdfast.core.change import Json
from holdfast.recovery.ledger import Gap

What: TypeAlias = Literal["fault", "undone", "released", "taken", "writable"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at a monotonic second; `who` is a node or what was done.

    The leader's key is *released* when it ends in any way, *taken* when a node has put its name
    there, and that node is *writable* when a connection to it says that it is not in recovery.
    """

    what: What
    at_s: float
    who: str = ""


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds each.

    detect: from the fault until the leader's key is free; elect: until somebody has it; promote:
    until that one takes writes; route: until this endpoint's clients have their first write.
    """

    detect_s: float | None = None
    elect_s: float | None = None
    promote_s: float | None = None
    route_s: float | None = None

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, rounded to milliseconds."""
        parts = {
            "detect": self.detect_s,
            "elect": self.elect_s,
            "promote": self.promote_s,
            "route": self.route_s,
        }
        return {name: None if part is None else round(part, 3) for name, part in parts.items()}


def phases(moments: Sequence[Moment], gap: Gap | None) -> Phases:
    """The parts of one endpoint's gap.

    Of several faults the last one before the gap's end counts. Without a change of leader
    within the gap, nothing is split.
    """
    if gap is None:
        return Phases()
    fault_s = max(
        (m.at_s for m in moments if m.what == "fault" and m.at_s < gap.ended_s), default=None
    )
    if fault_s is None:
        return Phases()
    within = [m for m in moments if fault_s <= m.at_s <= gap.ended_s]
    taken = next((m for m in reversed(within) if m.what == "taken"), None)
    if taken is None:
        return Phases()
    released = next((m for m in within if m.what == "released" and m.at_s <= taken.at_s), None)
    writable = next((m for m in within if m.what == "writable" and m.at_s >= taken.at_s), None)
    return Phases(
        detect_s=None if released is None else released.at_s - fault_s,
        elect_s=None if released is None else taken.at_s - released.at_s,
        promote_s=None if writable is None else writable.at_s - taken.at_s,
        route_s=None if writable is None else gap.ended_s - writable.at_s,
    )
