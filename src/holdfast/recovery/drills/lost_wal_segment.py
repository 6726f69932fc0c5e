"""Move one archived WAL segment out of the repository, and see whether anybody notices.

With it gone, no backup before it can be rolled forward beyond it, and pgBackRest goes on without
a word. The first layer of `verify` follows the archive segment by segment: it has to name the one
that is missing. It is put back afterwards.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Seen, Stroke, Terms
from holdfast.recovery.verdict import Check, failed, proven, unproven


def _gap_found(seen: Seen, _terms: Terms) -> Check:
    """The reader of the archive names the segment."""
    found = seen.facts.get("take-segment")
    if found is None or "noticed" not in found:
        return unproven("archive-gap", "nobody looked at the archive")
    if not found["noticed"]:
        return failed("archive-gap", f"{found['segment']} is missing and nobody noticed")
    return proven("archive-gap", f"noticed: {found['said']}")


DRILL = Drill(
    strokes=(Stroke("take-segment"),),
    blast=Blast.SESSIONS,
    undone="the segment is put back",
    criteria=(*CALM, ("archive-gap", _gap_found)),
    hold_s=1.0,
)
