"""Open connections to the leading server until it refuses more, for fifteen seconds.

New clients are refused, with an error that says so. Those that are connected go on, the pooled
endpoint goes on with the connections that it has, the platform's own reserved connections still
get in, and no failover follows.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Seen, Stroke, Terms
from holdfast.recovery.verdict import Check, failed, proven, unproven


def _reserved(seen: Seen, _terms: Terms) -> Check:
    """Clients were refused, and the platform was not."""
    found = seen.facts.get("fill-connections")
    if found is None:
        return unproven("reserved", "the storm was not looked at")
    if not found["refused"]:
        return unproven("reserved", f"{found['opened']} connections were opened, and none refused")
    if not found["platform_gets_in"]:
        return failed("reserved", "the platform itself could not connect any more")
    return proven(
        "reserved",
        f"{found['opened']} connections opened, then refused; the platform still got in",
    )


DRILL = Drill(
    strokes=(Stroke("fill-connections"),),
    blast=Blast.DATABASE,
    undone="the connections are closed",
    criteria=(*CALM, ("reserved", _reserved)),
    hold_s=15.0,
)
