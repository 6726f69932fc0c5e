"""Freeze the leading node's postmaster with SIGSTOP.

A server that hangs instead of dying: whoever is connected goes on, and nobody can connect any
more. Patroni asks over the connection that it has, so that it never notices. The node agent asks
for a write over a new connection each time; when that hangs for long while the process exists,
it ends the server, and a standby takes over.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("freeze", {"what": "server"}),),
    blast=Blast.DATABASE,
    undone="the postmaster is let go (SIGCONT), where the agent has not ended it",
    criteria=FAILOVER,
    hold_s=60.0,
    until_resumed=True,
)
