"""Freeze the leading node's Patroni with SIGSTOP, for longer than its lease lasts.

The server goes on and nobody renews the leader's lease. Left alone, a standby would take over
while the old leader still takes writes. The node agent notices that Patroni answers nobody and
ends it, well before the lease does; the supervisor starts it again, and it finds its server
running. Whichever node leads afterwards, no acknowledged write may be lost.
"""

from __future__ import annotations

from holdfast.recovery.criteria import EITHER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("freeze", {"what": "patroni"}),),
    blast=Blast.DATABASE,
    undone="Patroni is let go (SIGCONT), where the agent has not ended it",
    criteria=EITHER,
    hold_s=30.0,
)
