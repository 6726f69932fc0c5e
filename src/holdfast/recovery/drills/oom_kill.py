"""Kill one backend of the leading server with SIGKILL, as the kernel does when memory runs out.

PostgreSQL cannot know what that process left in shared memory, so that it ends all others and
recovers. Whether the same node leads again or a standby takes over, writes have to resume and
nothing may be lost.
"""

from __future__ import annotations

from holdfast.recovery.criteria import EITHER
from holdfast.recovery.drill import Blast, Drill, Stroke

DRILL = Drill(
    strokes=(Stroke("kill", {"what": "backend"}),),
    blast=Blast.DATABASE,
    undone="the server recovers by itself",
    criteria=EITHER,
)
