"""Run the owner's own queries, and check every foreign key again.

The queries of the document's `verify` run in the copy, each as a role that can only read, in a
read-only transaction with a time limit; the first value of the first row has to be the expected
one. Then every validated foreign key is checked by looking for rows without their counterpart: a
constraint says nothing of what replay, damage or a disabled trigger has left behind.

**Catches:** logical breakage: sums that do not add up, orphans, a migration that ran halfway.

**Cannot see:** invariants that nobody wrote down. Foreign keys that are declared `NOT VALID` or
`NOT ENFORCED`, and those over periods of time, are not checked; the result names them.

**Verdict:** `failed` when a query gives another value or a foreign key is violated; `unproven`
when one could not be run: a mistake in a query is no damage of the backup, and no proof either.
Without queries in the document the foreign keys alone decide.
"""

from __future__ import annotations

from holdfast.recovery.layer import Found, Told, some
from holdfast.recovery.verdict import Check, failed, proven, unproven

LAYER = 5
REQUIRED = ("canaries", "foreign keys")


def found(told: Told) -> Found:
    """From `canaries` (name, value, expected, problem) and `foreign_keys`."""
    canaries, keys = told.get("canaries"), told.get("foreign_keys")
    checks: list[Check] = []
    looked: list[str] = []
    left_out: list[str] = []
    if canaries is not None:
        checks.append(_canaries(canaries))
        looked.append(f"{len(canaries['asked'])} queries of the owner")
        if not canaries["asked"]:
            left_out.append("invariants of the owner: the document has no `verify`")
    if keys is not None:
        checks.append(_keys(keys))
        looked.append(f"{keys['count']} foreign keys")
        left_out += [f"foreign key {each}" for each in keys["not_looked_at"]]
    spent = sum(each["spent_s"] for each in (canaries, keys) if each is not None)
    return Found(tuple(checks), tuple(looked), tuple(left_out), spent)


def _canaries(told: Told) -> Check:
    if told.get("why_not"):
        return unproven("canaries", told["why_not"])
    wrong = [
        f"{each['name']} gives {each['value']!r}, not {each['expect']!r}"
        for each in told["asked"]
        if not each["problem"] and not each["holds"]
    ]
    if wrong:
        return failed("canaries", some(wrong))
    unable = [f"{each['name']}: {each['problem']}" for each in told["asked"] if each["problem"]]
    if unable:
        return unproven("canaries", some(unable))
    if not told["asked"]:
        return proven("canaries", "the document asks for none")
    return proven("canaries", f"{len(told['asked'])} give what was expected")


def _keys(told: Told) -> Check:
    if told["violated"]:
        return failed("foreign keys", some(told["violated"]))
    if told["open"]:
        return unproven("foreign keys", some(told["open"]))
    return proven("foreign keys", f"{told['count']} hold")


def holds(value: str | None, expected: str) -> bool:
    """Whether a query's value, as text, is the expected one; numbers are compared as numbers."""
    if value is None:
        return expected == ""
    if value == expected:
        return True
    words = {"t": "true", "f": "false"}
    if words.get(value, value) == words.get(expected, expected):
        return True
    try:
        return float(value) == float(expected)
    except ValueError:
        return False
