"""The accounting of writes: what was acknowledged has to be there, once and in order.

A ledger is kept by clients that insert unique rows and note, for each, what they were told.
*Acknowledged* means that the server said so; *failed*, that it said no, without any doubt;
everything else is *unknown*: a broken connection, a deadline, a commit whose wait for the
synchronous standby was cancelled. An unknown row may be there or not, a lost acknowledged one
is a broken promise. Isolation is no criterion here: reads of a healthy cluster may disagree for
a moment, so that rows are read back on the final primary alone.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


class Answer(enum.StrEnum):
    """What a client was told about a write."""

    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One write: `session` and `number` name it for ever; times are monotonic seconds.

    `endpoint` is `direct` or `pooled`; `detail` is what went wrong.
    """

    session: int
    number: int
    endpoint: str
    answer: Answer
    started_s: float
    ended_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row read back; `position` grows in the order in which rows were inserted.

    `timeline` is the one that it was written on (0: not known), `at_s` when, by the server's
    clock.
    """

    session: int
    number: int
    position: int
    timeline: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Read:
    """A session asked for a write of its own that had been acknowledged to it."""

    session: int
    number: int
    found: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class Account:
    """The result. `lost` are acknowledged writes that are not there.

    `repeated` are writes that are there more than once, `misplaced` those of a session that
    stand before an earlier one of it, `resurrected` those that failed and are there all the
    same, `foreign` rows that nobody in this ledger wrote, `unread` writes that their own session
    did not see later although they were not lost: (session, number) each. `reads` counts those
    that found what they looked for.
    """

    acknowledged: int
    failed: int
    unknown: int
    unknown_present: int
    lost: tuple[Attempt, ...] = ()
    repeated: tuple[tuple[int, int], ...] = ()
    misplaced: tuple[tuple[int, int], ...] = ()
    resurrected: tuple[tuple[int, int], ...] = ()
    foreign: tuple[tuple[int, int], ...] = ()
    unread: tuple[tuple[int, int], ...] = ()
    reads: int = 0


def account(
    attempts: Iterable[Attempt], rows: Iterable[Row], reads: Iterable[Read] = ()
) -> Account:
    """Hold what clients were told against what is there."""
    written = tuple(attempts)
    found = tuple(rows)
    looked = tuple(reads)
    present = Counter((row.session, row.number) for row in found)
    told = {(attempt.session, attempt.number): attempt for attempt in written}
    by_answer = Counter(attempt.answer for attempt in written)
    unknown_present = sum(
        1 for key, attempt in told.items() if attempt.answer is Answer.UNKNOWN and key in present
    )
    return Account(
        acknowledged=by_answer[Answer.ACKNOWLEDGED],
        failed=by_answer[Answer.FAILED],
        unknown=by_answer[Answer.UNKNOWN],
        unknown_present=unknown_present,
        lost=tuple(
            attempt
            for key, attempt in told.items()
            if attempt.answer is Answer.ACKNOWLEDGED and key not in present
        ),
        repeated=tuple(sorted(key for key, times in present.items() if times > 1)),
        misplaced=_misplaced(found),
        resurrected=tuple(
            sorted(key for key in present if key in told and told[key].answer is Answer.FAILED)
        ),
        foreign=tuple(sorted(key for key in present if key not in told)),
        # One that is lost is lost, and not missed a second time.
        unread=tuple(
            sorted(
                {
                    (read.session, read.number)
                    for read in looked
                    if not read.found and (read.session, read.number) in present
                }
            )
        ),
        reads=sum(1 for read in looked if read.found),
    )


def _misplaced(rows: Sequence[Row]) -> tuple[tuple[int, int], ...]:
    """Writes of a session that come, by position, before an earlier write of the same one."""
    sessions: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        sessions[row.session].append(row)
    found = []
    for of_session in sessions.values():
        of_session.sort(key=lambda row: (row.number, row.position))
        found += [
            (later.session, later.number)
            for earlier, later in pairwise(of_session)
            if later.position <= earlier.position
        ]
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest time around a fault in which nothing was acknowledged, monotonic seconds."""

    started_s: float
    ended_s: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended_s - self.started_s


def gap(attempts: Iterable[Attempt], *, fault_s: float, end_s: float) -> Gap | None:
    """The longest gap that reaches beyond the fault; None when nothing was acknowledged after it.

    Observation ended at `end_s`: silence up to there counts too.
    """
    moments = sorted(
        attempt.ended_s for attempt in attempts if attempt.answer is Answer.ACKNOWLEDGED
    )
    if not moments or moments[-1] <= fault_s:
        return None
    before = [moment for moment in moments if moment <= fault_s]
    start_s = before[-1] if before else fault_s
    after = [moment for moment in moments if moment > fault_s]
    points = [start_s, *after, max(end_s, after[-1])]
    gaps = [Gap(earlier, later) for earlier, later in pairwise(points)]
    return max(gaps, key=lambda each: each.seconds)


def rhythm(
    attempts: Iterable[Attempt],
    *,
    fault_s: float,
    before_s: float,
    after_s: float,
    slot_s: float = 0.1,
) -> list[int]:
    """Acknowledged writes in each slot of time around the fault, from `before_s` before it."""
    slots = [0] * max(1, round((before_s + after_s) / slot_s))
    start_s = fault_s - before_s
    for attempt in attempts:
        slot = int((attempt.ended_s - start_s) // slot_s)
        if attempt.answer is Answer.ACKNOWLEDGED and 0 <= slot < len(slots):
            slots[slot] += 1
    return slots
