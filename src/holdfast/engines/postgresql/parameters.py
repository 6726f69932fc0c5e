"""The parameter baseline: a pure function of version, size and tier, each value with its reason.

What stays out: paths, sockets and addresses of a node (the cluster's rendering has them), and
whatever initdb fixes (checksums, encoding).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.core.errors import Invalid
from holdfast.core.finding import Finding, Severity
from holdfast.engines.postgresql.parameters_contexts import context as context_of
from holdfast.engines.postgresql.parameters_fixed import fixed
from holdfast.engines.postgresql.parameters_logging import logging
from holdfast.engines.postgresql.parameters_model import (
    Case,
    Context,
    Parameter,
    Setting,
    Surroundings,
)
from holdfast.engines.postgresql.parameters_normalise import normalise, same_value
from holdfast.engines.postgresql.parameters_preload import preload_libraries, preloaded
from holdfast.engines.postgresql.parameters_resources import resources
from holdfast.spec.model import SizeClass, TierSpec
from holdfast.spec.owned_parameters import PLATFORM_OWNED

__all__ = [
    "PLATFORM_OWNED",
    "SETTINGS_SQL",
    "Context",
    "Parameter",
    "Surroundings",
    "baseline",
    "normalise",
    "preload",
    "same_value",
]

_DOCUMENT = "the database's document"

SETTINGS_SQL = """
select name, reset_val, unit, vartype, context, pending_restart, source, sourcefile
from pg_catalog.pg_settings
"""
"""What a server runs with, to be compared by `same_value`. `reset_val`, because `setting` depends
on the session: keepalives read as 0 on a Unix socket. What a client sends in `options` shows even
there, so observe through a connection without them."""


def baseline(
    version: int,
    size: SizeClass,
    tier: TierSpec,
    overrides: Mapping[str, str],
    surroundings: Surroundings | None = None,
) -> tuple[Parameter, ...]:
    """Every parameter that the platform sets on a cluster, sorted by name.

    `overrides` are the document's own `parameters`; whether the tier allows them was decided
    when the document was read. Raises `Invalid` when one names a parameter of the platform or
    would stop replication.
    """
    case = Case(version, size, tier, overrides, surroundings or Surroundings())
    mistakes = tuple(_mistakes(overrides))
    if mistakes:
        raise Invalid("the document sets parameters that it may not set", mistakes)
    chosen = {setting.name.lower(): setting for setting in _settings(case)}
    given = {name.lower(): (name, value) for name, value in overrides.items()}
    result = [_parameter(version, chosen.get(key), given.get(key)) for key in {**chosen, **given}]
    return tuple(sorted(result, key=lambda parameter: parameter.name.lower()))


def preload(
    version: int, size: SizeClass, tier: TierSpec, surroundings: Surroundings
) -> tuple[str, ...]:
    """The libraries that the baseline loads at the server's start, in order."""
    return preload_libraries(Case(version, size, tier, {}, surroundings))


def _settings(case: Case) -> Iterator[Setting]:
    yield from resources(case)
    yield from fixed(case)
    yield from logging(case)
    yield from preloaded(case)


def _parameter(version: int, own: Setting | None, given: tuple[str, str] | None) -> Parameter:
    if given is None:
        assert own is not None
        return Parameter(own.name, own.value, own.reason, own.source, context_of(version, own.name))
    name, value = given
    reason = "set in the document"
    if own is not None:
        name, reason = own.name, f"set in the document instead of {own.value}: {own.reason}"
    return Parameter(name, value, reason, _DOCUMENT, context_of(version, name), overridden=True)


def _mistakes(overrides: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in overrides.items():
        reason = PLATFORM_OWNED.get(name.lower())
        if reason is not None:
            yield Finding(
                "parameters.platform-owned",
                Severity.ERROR,
                f"parameter {name}",
                f"{name} may not be set, because {reason}",
                f"remove parameters.{name} from the document",
            )
        if name.lower() == "wal_level" and value.lower() not in ("replica", "logical"):
            yield Finding(
                "parameters.wal-level",
                Severity.ERROR,
                "parameter wal_level",
                f"wal_level {value!r} would end replication and archiving",
                "set parameters.wal_level to replica or logical",
            )
