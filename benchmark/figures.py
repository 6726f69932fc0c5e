"""The figures that are claimed, from raw runs to verdicts. Pure.

A figure is judged by its median, a count by its sum: one lost write is one too many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmark.arithmetic import Span, alone_s, median, ratios

Run: TypeAlias = Mapping[str, Any]
"""One raw run, as it stands in `results/`."""

BACKUP = "create backup"
"""The step of an apply that takes the first backup."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure may be; `least` turns it round."""

    limit: float
    least: bool = False

    def holds(self, value: float) -> bool:
        """Whether the value keeps to it."""
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One claim. `unit` is `x`, `%`, `s`, `ms`, `MB`, `/s` or empty for a count."""

    what: str
    unit: str
    values: tuple[float, ...]
    bound: Bound | None = None

    @property
    def is_count(self) -> bool:
        """Whether every run counts in full."""
        return not self.unit

    @property
    def value(self) -> float:
        """What is judged."""
        return sum(self.values) if self.is_count else median(self.values)

    @property
    def worst(self) -> float:
        """The run that is furthest on the wrong side."""
        return (min if self.bound and self.bound.least else max)(self.values)

    @property
    def best(self) -> float:
        """The run at the other end."""
        return (max if self.bound and self.bound.least else min)(self.values)

    @property
    def verdict(self) -> str:
        """`pass`, `missed`, or empty for what is told without a claim."""
        if self.bound is None:
            return ""
        return "pass" if self.bound.holds(self.value) else "missed"


def ready(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """Runs: `holdfast` and `bare`, each with `seconds`; `holdfast` has `steps` too."""
    bare = [run["bare"]["seconds"] for run in runs]
    total = [run["holdfast"]["seconds"] for run in runs]
    without = [each - backup_alone_s(run) for each, run in zip(total, runs, strict=True)]
    return (
        Figure("apply to ready, against bare Patroni", "x", ratios(total, bare), Bound(2.5)),
        Figure("the same without the first backup", "x", ratios(without, bare), Bound(1.8)),
        Figure("apply to ready", "s", tuple(total)),
        Figure("bare Patroni to ready", "s", tuple(bare)),
    )


def backup_alone_s(run: Run) -> float:
    """How long an apply waited for its first backup and for nothing else."""
    return alone_s([Span(*step) for step in run["holdfast"]["steps"]], BACKUP)


FAULTS: Mapping[str, tuple[str, float | None]] = {
    "switchover": ("planned switchover", 2.0),
    "kill-postmaster": ("kill -9 of the postmaster", 4.0),
    "kill-node": ("kill -9 of all of the primary node's processes", 25.0),
    "lose-node": ("the same, and they stay dead", 25.0),
}
"""Each fault in words, with the longest write gap that is claimed."""


def gaps(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """Runs: `fault`, `gap_s` by endpoint (None: writes did not resume), `lost`, `failed`."""
    return tuple(
        figure for fault in FAULTS for figure in _gaps_of(fault, _of(runs, "fault", fault))
    )


def _gaps_of(fault: str, runs: Sequence[Run]) -> tuple[Figure, ...]:
    if not runs:
        return ()
    words, limit_s = FAULTS[fault]
    bound = None if limit_s is None else Bound(limit_s)
    found = [
        Figure(
            f"{words}: write gap, {endpoint} endpoint",
            "s",
            tuple(_seconds(run["gap_s"][endpoint]) for run in runs),
            bound,
        )
        for endpoint in ("pooled", "direct")
    ]
    if fault == "switchover":
        found.append(
            Figure(
                f"{words}: failed statements, pooled endpoint",
                "",
                tuple(run["failed"]["pooled"] for run in runs),
                Bound(0),
            )
        )
    lost = tuple(run["lost"] for run in runs)
    found.append(Figure(f"{words}: acknowledged writes lost", "", lost, Bound(0)))
    return tuple(found)


def _seconds(gap_s: float | None) -> float:
    return float("inf") if gap_s is None else gap_s


def interactive(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """Runs: `what` with `seconds`, or with `cpu_percent` and `rss_mb` for `idle`."""

    def milliseconds(what: str) -> tuple[float, ...]:
        return tuple(1000 * run["seconds"] for run in _of(runs, "what", what))

    idle = _of(runs, "what", "idle")
    return (
        Figure("plan of one database without a change", "ms", milliseconds("plan"), Bound(1000)),
        Figure("holdfast --help", "ms", milliseconds("help"), Bound(150)),
        Figure(
            "idle control plane: of one core",
            "%",
            tuple(run["cpu_percent"]["control-plane"] for run in idle),
            Bound(2),
        ),
        Figure(
            "idle control plane: resident memory",
            "MB",
            tuple(run["rss_mb"]["control-plane"] for run in idle),
            Bound(250),
        ),
    )


COMPARISONS = (
    ("direct", "plain", 98.0, "direct endpoint, against one plain libpq host"),
    ("pooled", "hand", 95.0, "pooled endpoint, against a hand-configured PgBouncer"),
    ("idle-500", "pooled", 95.0, "pooled endpoint beside 500 mostly idle clients, against without"),
)
"""Ours, the other, the least percentage, in words."""
MODES = {"select": "select-only", "tpcb": "TPC-B"}


def throughput(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """Runs: `mode`, `path`, `round`, `tps`."""
    found = []
    for ours, other, least, words in COMPARISONS:
        for mode, title in MODES.items():
            of_mode = _of(runs, "mode", mode)
            mine, theirs = (
                [run["tps"] for run in sorted(_of(of_mode, "path", path), key=_round)]
                for path in (ours, other)
            )
            percent = tuple(100 * each for each in ratios(mine, theirs))
            found.append(Figure(f"{title}, {words}", "%", percent, Bound(least, least=True)))
    return tuple(found)


def _of(runs: Sequence[Run], field: str, value: str) -> list[Run]:
    return [run for run in runs if run[field] == value]


def _round(run: Run) -> int:
    return int(run["round"])


def evidence(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """Runs: `what` is batch and single (`per_s`, `ms`), proof (`ms`, `p99_ms`), verify."""
    batches, proofs = _of(runs, "what", "batch"), _of(runs, "what", "proof")
    alone = [run for run in _of(runs, "what", "single") if run["writers"] == 1]
    return (
        Figure(
            "ledger: leaves appended in a second, in batches",
            "/s",
            tuple(run["per_s"] for run in batches),
            Bound(2000, least=True),
        ),
        Figure("ledger: a single append, committed", "ms", tuple(run["ms"] for run in alone)),
        Figure(
            "ledger: inclusion proof",
            "ms",
            tuple(run["ms"] for run in proofs),
            Bound(5),
        ),
        Figure(
            "ledger: check of everything",
            "s",
            tuple(run["seconds"] for run in _of(runs, "what", "verify")),
            Bound(60),
        ),
    )


FIGURES: Mapping[str, Callable[[Sequence[Run]], tuple[Figure, ...]]] = {
    "ready": ready,
    "gaps": gaps,
    "interactive": interactive,
    "throughput": throughput,
    "evidence": evidence,
}
"""What each benchmark's runs come to."""
