"""Compare counts and hashes of every table with the source at the same position in the WAL.

The source opens a snapshot in every database and writes a restore point right after it; then the
tables are counted and hashed in those snapshots, in an order-free way. The copy was replayed to
exactly that restore point and is counted and hashed alike. Which transactions fell between the
two moments the copy itself knows: when there is none, both sides are the same to the bit, and any
difference is damage. When there is one, a table that differs may differ by no more rows than the
source's own counters of writes explain, and the result names it.

Tables beyond 256 MiB are counted in full and hashed in ranges of pages that follow from the name
of the restore point, so that another verification hashes others.

**Catches:** a wrong or stale backup, missing tables and rows, a lost update, rows that came back.

**Cannot see:** what the application means by its rows. Sequences, unlogged tables, large objects
and foreign tables are not compared. Of a large table, damage outside of the hashed ranges that
leaves the number of rows as it is.

**Verdict:** `failed` when a table differs beyond what was written; `unproven` when one could not
be compared, or the source could not be asked.
"""

from __future__ import annotations

from holdfast.recovery.layer import Found, Told, some
from holdfast.recovery.verdict import Check, failed, proven, unproven

LAYER = 4
REQUIRED = ("rows",)
_NEVER = "sequences, unlogged tables, large objects, foreign tables"


def found(told: Told) -> Found:
    """From `compared`: the groups of a comparison, or `why_not`."""
    compared = told.get("compared")
    if compared is None:
        return Found()
    if "why_not" in compared:
        return Found((unproven("rows", compared["why_not"]),), spent_s=compared["spent_s"])
    tables = sum(len(compared[group]) for group in _GROUPS)
    looked = (f"{tables} tables with {compared['rows']:,} rows",)
    return Found((_rows(compared),), looked, _left_out(compared), compared["spent_s"])


_GROUPS = ("equal", "sampled", "counted", "bounded", "open", "different")


def _rows(compared: Told) -> Check:
    if compared["different"]:
        return failed("rows", some(compared["different"]))
    if compared["open"]:
        return unproven("rows", some(compared["open"]))
    said = {
        "equal": "tables are equal",
        "sampled": "have equal counts and equal samples",
        "counted": "have equal counts",
        "bounded": "differ by no more than was written",
    }
    parts = [f"{len(compared[group])} {text}" for group, text in said.items() if compared[group]]
    return proven("rows", ", ".join(parts) or "there are no tables on either side")


def _left_out(compared: Told) -> tuple[str, ...]:
    parts = [_NEVER]
    if compared["sampled"]:
        parts.append(f"most pages of {some(compared['sampled'])}: hashed in samples")
    if compared["counted"]:
        parts.append(f"the content of {some(compared['counted'])}: counted only")
    if compared["bounded"]:
        parts.append(f"the content of {some(compared['bounded'])}: written to at that moment")
    return tuple(parts)
