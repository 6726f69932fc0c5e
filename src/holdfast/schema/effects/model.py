"""What one statement does to a running database, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.schema.names import Mode, Name


@dataclass(frozen=True, slots=True)
class Lock:
    """A relation and the strongest mode that the statement takes on it.

    `relation` is qualified (`public.orders`), `mode` as in `pg_locks` (`AccessExclusiveLock`).
    """

    relation: str
    mode: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason behind an effect: what the rules read.

    `kind` says what is done (`add-column.volatile-default`), `relation` to whom, `mode` is the
    lock that is held meanwhile, `work` what is done under it ("", scan, build, rewrite), `facts`
    the names and values a message needs.
    """

    kind: str
    relation: Name | None = None
    mode: Mode = Mode.NONE
    work: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that one statement does, found before it is run.

    `rewrites`, `scans` and `builds` name relations (`builds`: indexes built whole); a rewrite or a
    build of an existing table is a scan of it too. `error` is SQLSTATE, a space, and the text.
    `loses` and `breaks` are sentences: data that is gone, and what a running application would
    see. Relations that were made in the same, still open transaction are left out: nobody else
    can wait for them.
    """

    locks: tuple[Lock, ...] = ()
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    error: str | None = None
    loses: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    unseen: tuple[str, ...] = ()
    """What this statement may do that no text shows: dynamic SQL, a function's body."""


NOTHING = Effects()
