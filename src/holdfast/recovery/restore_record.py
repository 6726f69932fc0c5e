"""A restore test as its steps have told it, in JSON: as values to judge, and as figures to keep.

`told` holds, as far as the test came: `backup` (label, kind, size_bytes, lsn; None if there is
none), `witness` (the source at the restore point), `restore`, `start`, `structure`, `checksums`
(ok, spent_s, problem; `start` with `reached`), and `compared` (a comparison, or `why_not`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.core.change import Json
from holdfast.recovery.comparison import Comparison
from holdfast.recovery.restore_test import Seen, Step, checks

_SHOWN = 50


def seen_of(told: Mapping[str, Any]) -> Seen:
    """What the steps that were taken say, as values to judge."""
    backup = told.get("backup")
    if "backup" in told and backup is None:
        return Seen(restore=Step(False, 0.0, "there is no complete backup"))
    marked = told.get("witness", {})
    start = told.get("start")
    compared = told.get("compared")
    return Seen(
        restore=_step(told.get("restore")),
        start=_step(start),
        structure=_step(told.get("structure")),
        checksums=_step(told.get("checksums")),
        backup=backup["label"] if backup else "",
        size_bytes=backup["size_bytes"] if backup else 0,
        wanted_point="" if marked.get("problem") else marked.get("point", ""),
        reached_point=start["reached"]["point"] if start else "",
        compared=_comparison(compared),
        why_not_compared=(compared or {}).get("why_not", ""),
    )


def _step(told: Mapping[str, Any] | None) -> Step | None:
    return None if told is None else Step(told["ok"], told["spent_s"], told["problem"])


def _comparison(told: Mapping[str, Any] | None) -> Comparison | None:
    if told is None or "why_not" in told:
        return None
    groups = ("equal", "counted", "bounded", "open", "different")
    return Comparison(**{name: tuple(told[name]) for name in groups}, rows=told["rows"])


def measured_of(told: Mapping[str, Any], seen: Seen) -> dict[str, Json]:
    """The figures, and names of tables where they say something."""
    measured: dict[str, Json] = {
        "backup": seen.backup,
        "size_bytes": seen.size_bytes,
        "checks": [each.to_json() for each in checks(seen)],
    }
    for name, step in (
        ("restore_s", seen.restore),
        ("start_s", seen.start),
        ("structure_s", seen.structure),
        ("checksums_s", seen.checksums),
    ):
        if step is not None:
            measured[name] = round(step.spent_s, 3)
    if seen.start is not None:
        marked = told.get("witness", {})
        measured["recovery_point"] = {**told["start"]["reached"], "wanted_lsn": marked.get("lsn")}
        measured["timeline"] = marked.get("timeline")
        measured["wal_bytes"] = _distance(told["backup"]["lsn"], marked.get("lsn", ""))
    if seen.compared is not None:
        compared = seen.compared
        measured |= {
            "compare_s": round(told["compared"]["spent_s"], 3),
            "tables": compared.tables,
            "rows": compared.rows,
            "tables_equal": len(compared.equal),
            "tables_counted": list(compared.counted[:_SHOWN]),
            "tables_bounded": list(compared.bounded[:_SHOWN]),
            "tables_open": list(compared.open[:_SHOWN]),
            "tables_different": list(compared.different[:_SHOWN]),
        }
    return measured


def _distance(start: str, end: str) -> int | None:
    """Bytes of WAL between two positions such as `0/3000028`."""
    if not start or not end:
        return None
    low, high = (
        (int(part[0], 16) << 32) + int(part[2], 16)
        for part in (start.partition("/"), end.partition("/"))
    )
    return max(0, high - low)
