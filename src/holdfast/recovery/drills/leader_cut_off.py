"""Cut the leading node's Patroni off from etcd, for longer than its lease lasts.

The node and its server are well; only its Patroni cannot renew the lease. Before that ends it
has to step down, or to know from every other member that it may go on (failsafe mode). There
must never be two that take writes.
"""

from __future__ import annotations

from holdfast.recovery.criteria import EITHER
from holdfast.recovery.drill import Blast, Drill, Seen, Stroke, Terms
from holdfast.recovery.verdict import Check, failed, proven, unproven


def _one_writer(seen: Seen, _terms: Terms) -> Check:
    """At the end of the fault at most one node takes writes."""
    found = seen.facts.get("cut-off")
    if found is None:
        return unproven("one-writer", "nobody was asked who takes writes")
    writers = found["take_writes"]
    if len(writers) > 1:
        return failed("one-writer", f"{' and '.join(writers)} took writes at the same time")
    return proven("one-writer", f"{writers[0] if writers else 'nobody'} alone took writes")


DRILL = Drill(
    strokes=(Stroke("cut-off"),),
    blast=Blast.DATABASE,
    undone="Patroni gets its own configuration back and is started with it",
    criteria=(*EITHER, ("one-writer", _one_writer)),
    nodes=3,
    hold_s=35.0,
)
