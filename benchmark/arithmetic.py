"""Numbers from raw runs: medians, ratios, and what one step of a graph really cost. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Span:
    """A step that ran from `begin_s` to `end_s`."""

    name: str
    begin_s: float
    end_s: float


def median(values: Sequence[float]) -> float:
    """The middle value. Raises ValueError without any."""
    if not values:
        raise ValueError("no values to take a median of")
    return statistics.median(values)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Round by round. Both were measured in the same rounds."""
    return tuple(mine / other for mine, other in zip(ours, theirs, strict=True))


def alone_s(spans: Sequence[Span], name: str) -> float:
    """For how long `name` ran and nothing else did.

    This is what a run would have been shorter by without that step, at least: while others ran
    beside it, they would have been waited for all the same.
    """
    moments = sorted({moment for span in spans for moment in (span.begin_s, span.end_s)})
    return sum(
        end - begin for begin, end in pairwise(moments) if _running(spans, begin, end) == {name}
    )


def _running(spans: Sequence[Span], begin_s: float, end_s: float) -> set[str]:
    return {span.name for span in spans if span.begin_s < end_s and span.end_s > begin_s}
