"""Kill the leading server, and half a second later the control plane itself.

The control plane has no part in a failover. The drill's clients write on without it; the next
control plane finds the operation, goes on with it, and judges what they noted.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(
        Stroke("kill", {"what": "server"}),
        Stroke("kill", {"what": "control-plane"}, after_s=0.5),
    ),
    blast=Blast.DATABASE,
    undone="Patroni starts the server again, the supervisor the control plane",
    criteria=FAILOVER,
    outlives=True,
)
