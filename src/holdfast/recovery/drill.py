"""What a drill is: a declaration of harm, and what a run of it saw.

Each drill is a file of the folder `drills`. The harm itself is done elsewhere, by the performers
that `Stroke.fault` names; here stands only what has to be true for it, how it ends, and what is
asked of the cluster meanwhile.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from holdfast.core.change import Json
from holdfast.core.units import show_duration
from holdfast.recovery.ledger import Account, Gap
from holdfast.recovery.phases import Moment, Phases
from holdfast.recovery.timelines import Switch
from holdfast.recovery.verdict import Check, Judgement, judgement, proven, unproven


class Blast(enum.StrEnum):
    """Who notices a fault at the most."""

    SESSIONS = "sessions of this database"
    DATABASE = "every client of this database"
    SITE = "every database of the site"


class When(enum.StrEnum):
    """When a stroke comes: at once, or when the clients write again after the one before."""

    AT_ONCE = "at once"
    RESUMED = "when clients write again"


@dataclass(frozen=True, slots=True)
class Stroke:
    """One fault: the name of its performer, and what that is told.

    `after_s` is how long it waits beyond `when`.
    """

    fault: str
    options: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    when: When = When.AT_ONCE
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tier promises, and how many nodes there are: what a run is held against."""

    rpo_s: float
    rto_s: float
    nodes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run saw. Times are monotonic seconds of one clock.

    `unable` says why the fault cannot be caused here, `interrupted` why a run did not come to
    its end. `gaps` are by endpoint, None where writes did not resume; `redundant_after_s` is None
    when not all nodes were back by the deadline. `facts` are what performers saw while the fault
    lasted.
    """

    unable: str = ""
    interrupted: str = ""
    fault_s: float | None = None
    undone_s: float | None = None
    acknowledged_before: int = 0
    account: Account | None = None
    gaps: tuple[tuple[str, Gap | None], ...] = ()
    phases: tuple[tuple[str, Phases], ...] = ()
    moments: tuple[Moment, ...] = ()
    switches: tuple[Switch, ...] = ()
    leader_before: str = ""
    leader_after: str = ""
    timeline_before: int | None = None
    timeline_after: int | None = None
    redundant_after_s: float | None = None
    why_not_redundant: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)


Criterion: TypeAlias = Callable[[Seen, Terms], Check]
"""One question to a run. It is asked only where the fault was caused and the run has ended."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A declaration. Discovery fills in `id` and the two texts from the module.

    `hold_s` is how long the fault stays at the most before it is undone; 0 where there is nothing
    to hold. With `until_resumed` it is undone as soon as clients write again. `deadline_s` is how
    long the cluster may take afterwards until it is whole. `undone` says how the fault ends.
    """

    strokes: tuple[Stroke, ...]
    blast: Blast
    undone: str
    criteria: tuple[tuple[str, Criterion], ...]
    nodes: int = 1
    hold_s: float = 0.0
    until_resumed: bool = False
    deadline_s: float = 120.0
    answer_s: float = 60.0
    outlives: bool = False
    id: str = ""
    title: str = ""
    documentation: str = ""

    @property
    def kind(self) -> str:
        """The kind of its evidence."""
        return f"drill/{self.id}"

    @property
    def required(self) -> tuple[str, ...]:
        """The ids of all checks that have to be proven."""
        return ("fault", *(id for id, _ in self.criteria))


def checks(drill: Drill, seen: Seen, terms: Terms) -> tuple[Check, ...]:
    """The checks that the run came to."""
    if seen.unable:
        return (unproven("fault", f"it cannot be caused here: {seen.unable}"),)
    if seen.interrupted:
        return (unproven("fault", seen.interrupted),)
    if seen.fault_s is None:
        return (unproven("fault", "nothing was done"),)
    lasted = (
        f", for {show_duration(seen.undone_s - seen.fault_s)}"
        if seen.undone_s is not None and drill.hold_s
        else ""
    )
    caused = proven("fault", f"caused while clients wrote{lasted}")
    return (caused, *(criterion(seen, terms) for _, criterion in drill.criteria))


def verdict(drill: Drill, seen: Seen, terms: Terms) -> Judgement:
    """Proven only if every check that the drill requires is."""
    return judgement(checks(drill, seen, terms), drill.required)


def refusal(
    *, tier_rpo_s: float, production: bool, in_window: bool, consent: str, blast: Blast
) -> str:
    """Why a drill may not begin now; empty when it may.

    A production database that must lose nothing is only harmed in its own maintenance window, or
    when somebody says why it has to be now.
    """
    if not production or tier_rpo_s > 0 or in_window or consent.strip():
        return ""
    return f"it is a production database that may lose nothing, and the drill touches {blast}"


def of_strokes(drill: Drill) -> Sequence[str]:
    """The names of the performers, each once, in order."""
    return tuple(dict.fromkeys(stroke.fault for stroke in drill.strokes))
