"""Freeze the member of etcd that leads it, for fifteen seconds.

The other two elect a leader of their own within a second or two. Nobody's database may notice.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("freeze", {"what": "etcd", "members": 1}),),
    blast=Blast.SITE,
    undone="the member is let go (SIGCONT)",
    criteria=CALM,
    hold_s=15.0,
)
