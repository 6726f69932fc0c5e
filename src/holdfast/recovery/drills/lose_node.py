"""Freeze every process of the leading node, supervisor's eyes and all, until another one leads.

What the others see of a machine that is gone: it keeps its connections and answers nothing. Its
lease has to end before anybody may take over, which is what the tier's ttl bounds. When the
frozen node comes to its senses it still believes that it leads, with clients connected to it:
not one of their commits may count unless a standby of the new leader has it.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("freeze", {"what": "node"}),),
    blast=Blast.DATABASE,
    undone="the processes are let go (SIGCONT)",
    criteria=FAILOVER,
    nodes=3,
    hold_s=45.0,
    until_resumed=True,
    # A frozen server's kernel still acknowledges what it is sent: only the client's own limit
    # for an answer ends that.
    answer_s=3.0,
)
