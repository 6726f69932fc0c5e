"""A verification as its steps have told it, in JSON: what is kept of it as evidence.

`told` holds, as far as the verification came:

- `backup`: label, kind, size_bytes, lsn, wal_start; None if there is none
- `repository`: a step (ok, spent_s, problem); `stored`: what our own reader found
- `witness`: the source at the restore point; `restore`, `files`, `start` (with `reached` and
  `branch`), `structure`, `dump`, `checksums`: steps
- `compared`: a comparison, or `why_not`; `canaries`, `foreign_keys`; `markers` by way
- `interrupted`: why it did not come to its end by itself
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.core.change import Json
from holdfast.recovery.layer import Told
from holdfast.recovery.layers import results, show
from holdfast.recovery.positions import distance_bytes

_SHOWN = 50
_STEPS = ("repository", "restore", "files", "start", "structure", "dump", "checksums")


def measured_of(told: Told, layers: Sequence[int]) -> dict[str, Json]:
    """The figures, each layer's result, and names of tables where they say something."""
    backup = told.get("backup") or {}
    found = results(told, layers)
    measured: dict[str, Json] = {
        "backup": backup.get("label", ""),
        "size_bytes": backup.get("size_bytes", 0),
        "chosen": show(layers),
        "layers": [each.to_json() for each in found],
        "checks": [check.to_json() for each in found for check in each.found.checks],
    }
    for name in _STEPS:
        if name in told:
            measured[f"{name}_s"] = round(told[name]["spent_s"], 3)
    if "sandbox" in told:
        measured["sandbox"] = told["sandbox"]
    if "start" in told:
        marked = told.get("witness", {})
        measured["recovery_point"] = {**told["start"]["reached"], "wanted_lsn": marked.get("lsn")}
        measured["timeline"] = marked.get("timeline")
        measured["wal_bytes"] = distance_bytes(backup.get("lsn", ""), marked.get("lsn", ""))
    if "compared" in told and "why_not" not in told["compared"]:
        measured |= _compared(told["compared"])
    if told.get("stored", {}).get("proven"):
        measured["stored_proven"] = told["stored"]["proven"]
    return measured


def _compared(told: dict[str, Any]) -> dict[str, Json]:
    groups = ("equal", "sampled", "counted", "bounded", "open", "different")
    return {
        "compare_s": round(told["spent_s"], 3),
        "tables": sum(len(told[group]) for group in groups),
        "rows": told["rows"],
        "tables_equal": len(told["equal"]),
        **{f"tables_{group}": list(told[group][:_SHOWN]) for group in groups[1:]},
    }
