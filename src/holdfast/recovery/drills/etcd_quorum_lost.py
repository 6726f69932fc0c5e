"""Freeze two of the three members of etcd, for longer than a leader's lease lasts.

Nobody can take over, and nobody may. The leader reaches all of its replicas, so that it goes on
(Patroni's failsafe mode); when etcd is back, it still leads, without a failover in between.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("freeze", {"what": "etcd", "members": 2}),),
    blast=Blast.SITE,
    undone="the members are let go (SIGCONT)",
    criteria=CALM,
    hold_s=30.0,
    nodes=3,
)
