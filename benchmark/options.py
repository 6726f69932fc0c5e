"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`runs` of every comparison, `kills` of every fault, `seconds` of pgbench a run.

    `leaves` is how far the evidence ledger is filled.
    """

    runs: int = 5
    kills: int = 20
    seconds: int = 10
    idle_s: int = 60
    leaves: int = 1_000_000


QUICK = Options(runs=1, kills=1, seconds=3, idle_s=10, leaves=20_000)
"""To see that everything works; its figures mean nothing."""
