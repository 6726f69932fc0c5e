"""Take the archive's folder in the repository away from the archiver, for a while.

No segment leaves the machine meanwhile, and the leader keeps all of its WAL. Clients must not
notice; PostgreSQL has to say that archiving fails; and once the folder is back every segment that
waited has to arrive.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Seen, Stroke, Terms
from holdfast.recovery.verdict import Check, failed, proven, unproven


def _archiving(seen: Seen, _terms: Terms) -> Check:
    """Failures were told while they lasted, and the archive caught up afterwards."""
    found = seen.facts.get("block-archive")
    if found is None or "caught_up" not in found:
        return unproven("archiving", "the archiver was not looked at")
    if not found["failures"]:
        return failed("archiving", "the server did not tell that archiving failed")
    if not found["caught_up"]:
        return failed("archiving", f"segment {found['waiting']} has not arrived afterwards")
    return proven(
        "archiving",
        f"{found['failures']} failures told; {found['waiting']} arrived once it worked again",
    )


DRILL = Drill(
    strokes=(Stroke("block-archive"),),
    blast=Blast.SESSIONS,
    undone="the folder gets its mode back",
    criteria=(*CALM, ("archiving", _archiving)),
    hold_s=20.0,
)
