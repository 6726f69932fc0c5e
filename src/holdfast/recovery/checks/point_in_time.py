"""Restore to a marker by name, position and time: what was before it is there, the rest is not.

A first row is committed on the source, then a restore point is written, then a second row is
committed. The backup is restored three times: to the restore point's name, to its position in the
WAL, and to a time between the two commits. Each copy must hold the first row and not the second
one, and must have branched from the source's timeline. The rows stand in a table of the
platform's own, in the schema `holdfast` of the maintenance database. Where failovers lie between
the backup and the marker, the way of the replay across their timelines is proven with it; the
result says how many there were.

**Catches:** faults of timelines and of recovery targets, an archive that ends too early, clocks
that make a restore by time useless. It measures the true recovery point.

**Cannot see:** faults outside of the window between the backup and the marker.

**Verdict:** `failed` when a copy lacks the first row, holds the second one, or branched
elsewhere; `unproven` when one of the three could not be made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.recovery.layer import Found, Told
from holdfast.recovery.verdict import Check, failed, proven, unproven

LAYER = 6
WAYS = ("name", "lsn", "time")
REQUIRED = tuple(f"by {way}" for way in WAYS)


def found(told: Told) -> Found:
    """From `markers`: what each copy held, by the way it was restored."""
    markers = told.get("markers") or {}
    checks = tuple(_way(way, markers[way]) for way in WAYS if way in markers)
    crossed = [each["crossed"] for each in markers.values() if each.get("crossed") is not None]
    looked = []
    if checks:
        looked.append(f"copies restored by {', '.join(way for way in WAYS if way in markers)}")
    if crossed:
        looked.append(f"{max(crossed)} changes of timeline between the backup and the marker")
    left_out = () if any(crossed) else ("a change of timeline: none lay in the window",)
    spent = sum(each["spent_s"] for each in markers.values())
    return Found(checks, tuple(looked), left_out if checks else (), spent)


def _way(way: str, copy: Mapping[str, Any]) -> Check:
    id = f"by {way}"
    if copy["ok"] is None:
        return unproven(id, copy["problem"])
    if not copy["ok"]:
        return failed(id, copy["problem"])
    if not copy["before"]:
        return failed(id, "the row that was committed before the marker is missing")
    if copy["after"]:
        return failed(id, "the row that was committed after the marker is there")
    if copy["branch"] != copy["timeline"]:
        wrong, right = copy["branch"], copy["timeline"]
        return failed(id, f"the copy branched from timeline {wrong}, not {right}")
    return proven(id, f"the first row is there, the second is not, on timeline {copy['branch']}")
