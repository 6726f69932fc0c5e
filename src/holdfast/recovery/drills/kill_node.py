"""Kill every process of the leading node with SIGKILL: server, Patroni, poolers, agent.

What an out-of-memory killer gone wild or a crashing container does. Nobody on the node is left to
give the leader's key back until the supervisor has started its programs again; the agent is up
first, sees that the server is provably gone, and gives the key back.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("kill", {"what": "node"}),),
    blast=Blast.DATABASE,
    undone="the supervisor starts the node's programs again",
    criteria=FAILOVER,
)
