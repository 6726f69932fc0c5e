"""Pause the replay of one replica, then kill the leading server.

A replica may be behind in replay and still hold every byte: a synchronous commit waits for its
disk, not for its replay. If the laggard is the one to take over it has to catch up first, and
clients must not wait for longer than the tier says.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(
        Stroke("pause-replay"),
        Stroke("kill", {"what": "server"}, after_s=6.0),
    ),
    blast=Blast.DATABASE,
    undone="replay is resumed; Patroni starts the killed server again, as a replica",
    criteria=FAILOVER,
    nodes=3,
)
