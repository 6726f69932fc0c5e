"""Kill the server of the leading node with SIGKILL.

What happens when PostgreSQL crashes, or an operator errs: the postmaster ends without a word, all
connections break, Patroni on the same node lives. It should notice within one loop and give the
leader's key back, so that a standby takes over in a few seconds.
"""

from __future__ import annotations

from holdfast.recovery.criteria import FAILOVER
from holdfast.recovery.drill import Blast, Drill, Stroke

ID = "kill-primary"
KIND = f"drill/{ID}"
"""The kind of evidence that the tier's failover promises rest on."""

DRILL = Drill(
    strokes=(Stroke("kill", {"what": "server"}),),
    blast=Blast.DATABASE,
    undone="Patroni starts the server again, as a replica",
    criteria=FAILOVER,
)
