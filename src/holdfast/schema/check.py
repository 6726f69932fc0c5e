"""The whole check: migrations over a catalog, statement by statement, in their transactions."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.schema.catalog.catalog import Catalog
from holdfast.schema.migration import Migration
from holdfast.schema.report import Options, Report, StatementReport
from holdfast.schema.simulation import Simulation

__all__ = ["Options", "Report", "StatementReport", "check"]


def check(migrations: Sequence[Migration], facts: Catalog, options: Options) -> Report:
    """What the migrations do, in the order given, and what is wrong with that.

    A migration down is judged on the state right after its own way up (the migration before it
    with the same version) and then forgotten, so the next one up builds on the state without it.
    """
    simulation = Simulation(facts, options)
    for migration in migrations:
        simulation.run(migration)
    return simulation.report()
