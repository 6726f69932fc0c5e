"""What the rows themselves say of a failover: the last of one timeline, the first of the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from holdfast.recovery.ledger import Row


@dataclass(frozen=True, slots=True)
class Switch:
    """From one timeline to the next; moments are in seconds, by the clocks of the servers."""

    before: int
    after: int
    last_s: float
    first_s: float

    @property
    def seconds(self) -> float:
        """How long nobody wrote a row that stayed."""
        return max(0.0, self.first_s - self.last_s)


def switches(rows: Iterable[Row]) -> tuple[Switch, ...]:
    """Every change of timeline that rows were written on both sides of, in order."""
    spans: dict[int, tuple[float, float]] = {}
    for row in rows:
        if row.timeline:
            first, last = spans.get(row.timeline, (row.at_s, row.at_s))
            spans[row.timeline] = (min(first, row.at_s), max(last, row.at_s))
    return tuple(
        Switch(before, after, last_s=spans[before][1], first_s=spans[after][0])
        for before, after in pairwise(sorted(spans))
    )
