"""The values of the parameter baseline: one parameter, and what surrounds a computation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from holdfast.spec.model import SizeClass, TierSpec

Context: TypeAlias = Literal[
    "postmaster", "sighup", "superuser-backend", "backend", "superuser", "user"
]
"""When a change takes hold, in the words of `pg_settings.context`; only `postmaster` restarts."""

KIB, MIB, GIB = 2**10, 2**20, 2**30


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of the server: `value` as `postgresql.conf` would hold it, and why.

    `source` names what the value rests on: a chapter of PostgreSQL's documentation, a CIS
    recommendation, a measurement, or the document itself where `overridden`.
    """

    name: str
    value: str
    reason: str
    source: str
    context: Context
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter before its context is looked up and an override applied."""

    name: str
    value: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a baseline rests on beside the document.

    `libraries` are the preloadable libraries of the installation (`$libdir/*.so` without the
    suffix), `extensions` those that the document declares, `lz4` whether the server was built
    with it. An empty `archive_command` is left to the node's own file.
    """

    archive_command: str = ""
    extensions: frozenset[str] = field(default_factory=frozenset)
    libraries: frozenset[str] = frozenset({"pg_stat_statements"})
    lz4: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """Everything one computation of the baseline may look at."""

    version: int
    size: SizeClass
    tier: TierSpec
    overrides: Mapping[str, str]
    surroundings: Surroundings


def rows(source: str, settings: Mapping[str, tuple[str, str]]) -> Iterable[Setting]:
    """Settings that share a source, from name to value and reason."""
    return (Setting(name, value, reason, source) for name, (value, reason) in settings.items())


def memory(count_bytes: int) -> str:
    """A whole number of the largest unit that PostgreSQL knows and that divides it: `768MB`."""
    for unit, size in (("GB", GIB), ("MB", MIB)):
        if count_bytes >= size and count_bytes % size == 0:
            return f"{count_bytes // size}{unit}"
    return f"{count_bytes // KIB}kB"


def clamp(value: int, low: int, high: int) -> int:
    """The value, or the bound that it passes."""
    return max(low, min(value, high))


def whole_mib(count_bytes: int) -> int:
    """Rounded down to a mebibyte, so that a value reads as a person would write it."""
    return count_bytes // MIB * MIB
