"""Flip a byte of a data page on the leading node's disk, and take a backup.

Nobody reads the page, so that nobody notices, and a backup would carry the damage away until the
sound ones before it have expired. The backup itself has to find it; this one is read from the
leading node, as one from a standby would meet a sound page there. The page belongs to a table of
the drill's own; the byte is put back, and the backup is removed.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Seen, Stroke, Terms
from holdfast.recovery.verdict import Check, failed, proven, unproven


def _found(seen: Seen, _terms: Terms) -> Check:
    """The backup that met the page says that its checksum is wrong."""
    found = seen.facts.get("flip-byte")
    if found is None:
        return unproven("page", "no backup was taken")
    if not found["noticed"]:
        return failed("page", f"backup {found['backup']} holds the damaged page and says nothing")
    return proven("page", f"backup {found['backup']} says that a page has a wrong checksum")


DRILL = Drill(
    strokes=(Stroke("flip-byte"),),
    blast=Blast.SESSIONS,
    undone="the byte is put back, the table and the backup are removed",
    criteria=(*CALM, ("page", _found)),
    hold_s=1.0,
)
