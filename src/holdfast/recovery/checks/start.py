"""Start the copy, replay the WAL to the marked point, and see on which timeline it stands.

The copy starts on a socket of its own and replays WAL from the repository until the restore point
that the source wrote for this verification; then it is promoted. The server's log says where it
stopped, and its newest timeline must have branched from the source's.

**Catches:** gaps in the WAL, a wrong timeline, a backup that never becomes consistent, a missing
key, a backup of another cluster.

**Cannot see:** silent damage: a page that is replayed over is not looked at. The libraries that
the source preloads are not loaded into the copy.

**Verdict:** `failed` when the copy does not start, or stops elsewhere; `unproven` when no restore
point could be written to the source (nobody leads it, its archiving does not work).
"""

from __future__ import annotations

from holdfast.core.units import show_bytes
from holdfast.recovery.layer import Found, Told, spent_s, step, stepped
from holdfast.recovery.positions import distance_bytes
from holdfast.recovery.verdict import Check, failed, proven, unproven

LAYER = 2
REQUIRED = ("start", "recovery point", "timeline")


def found(told: Told) -> Found:
    """From `start` with `reached` and `branch`, and from `witness`."""
    started = step(told, "start")
    checks = stepped("start", started, "the copy started and became consistent")
    if started is None or not started.ok:
        return Found(checks, spent_s=spent_s(started))
    marked = told["witness"]
    wanted = "" if marked["problem"] else marked["point"]
    replayed = distance_bytes(told["backup"]["lsn"], marked["lsn"])
    looked = (f"{show_bytes(replayed)} of WAL replayed",) if replayed is not None else ()
    left_out = ("libraries that the source preloads",)
    checks += (
        _point(wanted, told["start"]["reached"]["point"]),
        _timeline(marked["timeline"] if wanted else 0, told["start"].get("branch", 0)),
    )
    return Found(checks, looked, left_out, spent_s(started))


def _point(wanted: str, reached: str) -> Check:
    if not wanted:
        return unproven("recovery point", "no restore point could be written to the source")
    if reached != wanted:
        reached = reached or "no restore point"
        return failed("recovery point", f"recovery reached {reached}, not {wanted}")
    return proven("recovery point", f"recovery stopped at {wanted}")


def _timeline(expected: int, branched_from: int) -> Check:
    if not branched_from:
        return unproven("timeline", "the copy does not say from which timeline it branched")
    if not expected:
        return unproven("timeline", f"it branched from {branched_from}, with nothing to compare")
    if branched_from != expected:
        said = f"the copy branched from timeline {branched_from}, not {expected}"
        return failed("timeline", said)
    return proven("timeline", f"the copy branched from timeline {expected}, as expected")
