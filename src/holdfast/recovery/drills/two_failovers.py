"""Kill the server that leads, and the next one as soon as clients write again.

The second failover comes while the first leader is still on its way back. Strictly synchronous,
the cluster may have to wait for it; all nodes have to come back unaided, on the third timeline.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke, When

DRILL = Drill(
    strokes=(
        Stroke("kill", {"what": "server"}),
        Stroke("kill", {"what": "server"}, when=When.RESUMED),
    ),
    blast=Blast.DATABASE,
    undone="Patroni starts the servers again, as replicas",
    criteria=FAILOVER,
    nodes=3,
    deadline_s=180.0,
)
