"""Libraries that the server loads at its start, and their own parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.engines.postgresql.parameters_model import Case, Setting, rows
from holdfast.spec.model import Synchronous

_NEEDED_BY: Mapping[str, str] = {
    "citus": "citus",
    "timescaledb": "timescaledb",
    "pg_stat_statements": "pg_stat_statements",
    "pg_stat_kcache": "pg_stat_kcache",
    "pg_wait_sampling": "pg_wait_sampling",
    "pg_cron": "pg_cron",
    "pg_partman": "pg_partman_bgw",
    "pg_squeeze": "pg_squeeze",
    "pgaudit": "pgaudit",
    "set_user": "set_user",
}
"""Extension to the library that has to be there at the start, in the order of loading: citus and
timescaledb insist on being first, pg_stat_kcache on coming after pg_stat_statements."""


def preload_libraries(case: Case) -> tuple[str, ...]:
    """What `shared_preload_libraries` holds, in order; only what the installation has."""
    wanted = {_NEEDED_BY[name] for name in case.surroundings.extensions if name in _NEEDED_BY}
    wanted.add("pg_stat_statements")
    if case.tier.synchronous is not Synchronous.OFF:
        wanted.add("pgaudit")
    return tuple(
        library
        for library in _NEEDED_BY.values()
        if library in wanted and library in case.surroundings.libraries
    )


def preloaded(case: Case) -> Iterator[Setting]:
    """`shared_preload_libraries`, and the parameters of what it loads."""
    libraries = preload_libraries(case)
    yield Setting(
        "shared_preload_libraries",
        ",".join(libraries),
        "statistics by statement; audit where the tier waits for a standby; and what the "
        "declared extensions need",
        "CIS C3.2/V-233589; PostgreSQL documentation, F.32 pg_stat_statements",
    )
    if "pg_stat_statements" in libraries:
        yield from rows(
            "PostgreSQL documentation, F.32 pg_stat_statements",
            {
                "pg_stat_statements.max": ("10000", "generated SQL evicts the rest at 5,000"),
                "pg_stat_statements.track": ("all", "statements within functions count too"),
            },
        )
    if "pgaudit" in libraries:
        yield from rows(
            "CIS C3.2/V-233589; pgAudit documentation, Settings",
            {
                "pgaudit.log": (
                    "ddl,role",
                    "who changed structure and rights; auditing writes of a table is set on it",
                ),
                "pgaudit.log_catalog": ("off", "every client's own look-ups would drown the rest"),
                "pgaudit.log_parameter": ("off", "values bound to a statement are personal data"),
            },
        )
