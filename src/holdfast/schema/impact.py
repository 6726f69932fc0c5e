"""How bad a lock is: for how long it is held, and who waits behind it."""

from __future__ import annotations

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.names import Mode
from holdfast.schema.rule import Hit, Step

RATE_BYTES_PER_S = {"scan": 200e6, "build": 30e6, "rewrite": 40e6}
"""Cautious figures for one backend on ordinary SSDs: a sequential read with a check of each row,
a btree build, a rewrite with its indexes and WAL. A rehearsal measures the real ones."""
BYTES_PER_ROW = 100
MILDER = (Severity.NOTICE, Severity.WARNING, Severity.ERROR)
"""Severities, mildest first."""
BRIEF_S, LONG_S = 0.1, 1.0


def hold_s(step: Step, cause: Cause) -> float | None:
    """For how many seconds the work under the lock takes; None if the size is unknown."""
    relation = step.relation(cause.relation)
    if relation is None or not cause.work:
        return None if cause.work else 0.0
    size: float | None = relation.bytes
    if size is None and relation.rows is not None:
        size = relation.rows * BYTES_PER_ROW
    return None if size is None else size / RATE_BYTES_PER_S[cause.work]


def queued(step: Step, cause: Cause, seconds: float) -> float | None:
    """How many statements arrive and wait meanwhile; None if their rate is unknown."""
    relation = step.relation(cause.relation)
    if relation is None:
        return None
    reads, writes = relation.reads_per_s, relation.writes_per_s
    if reads is None and writes is None:
        return None
    rate = (writes or 0.0) if cause.mode.blocks_writes else 0.0
    if cause.mode.blocks_reads:
        rate += reads or 0.0
    return rate * seconds


def severity(step: Step, cause: Cause) -> Severity | None:
    """By what is known of the table, else by the lock's class; None where nobody can notice."""
    if cause.relation is not None and step.is_new(cause.relation):
        return None
    seconds = hold_s(step, cause)
    if seconds is None:
        return Severity.ERROR if cause.mode.blocks_writes else Severity.NOTICE
    if not cause.work:
        return Severity.WARNING if cause.mode.blocks_writes else Severity.NOTICE
    if not cause.mode.blocks_writes or seconds < BRIEF_S:
        return Severity.NOTICE
    return Severity.ERROR if seconds >= LONG_S else Severity.WARNING


def lock_hit(step: Step, cause: Cause, message: str, safe: str = "") -> Hit | None:
    """A finding about a lock, as bad as its impact; none where nobody can notice."""
    how = severity(step, cause)
    if how is None:
        return None
    clause = told(step, cause)
    return Hit(f"{message}: {clause}" if clause else message, safe, how)


BLOCKED = {
    Mode.ACCESS_EXCLUSIVE: "reads and writes",
    Mode.EXCLUSIVE: "writes",
    Mode.SHARE_ROW_EXCLUSIVE: "writes",
    Mode.SHARE: "writes",
}
WORDS = {
    "scan": "reads the whole table",
    "build": "builds an index",
    "rewrite": "rewrites the table",
}


def told(step: Step, cause: Cause) -> str:
    """The impact as a clause: what is blocked, for how long, and how many wait."""
    blocked = BLOCKED.get(cause.mode)
    if blocked is None:
        return ""
    seconds = hold_s(step, cause)
    text = f"{blocked} of {cause.relation.short} wait" if cause.relation else f"{blocked} wait"
    if seconds is None:
        return f"{text} while it {WORDS[cause.work]}"
    if not seconds:
        return f"{text} for it, and it waits for them"
    text += f" about {_seconds(seconds)}"
    waiting = queued(step, cause, seconds)
    return f"{text}; some {waiting:,.0f} statements would queue" if waiting else text


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.0f} s"
