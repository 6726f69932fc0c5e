"""Prediction against observation, and why they may differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.schema.check import StatementReport
from tests.integration.schema.observe import OUTSIDE, STRENGTH, Observed

ROWS = re.compile(
    r"^\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|COPY|EXPLAIN|WITH|REFRESH|TRUNCATE|DO"
    r"|CREATE (UNLOGGED |TEMP\w* )?TABLE\s.*\bAS|CREATE MATERIALIZED)\b",
    re.IGNORECASE | re.DOTALL,
)
"""What a query reads is the planner's choice, and TRUNCATE makes new files without writing."""
WEAK = STRENGTH[:2]


@dataclass(frozen=True)
class Difference:
    """One thing of one statement that was not as predicted."""

    case: str
    sql: str
    what: str
    predicted: str
    observed: str

    def __str__(self) -> str:
        sql = " ".join(self.sql.split())
        return f"{self.case}: {self.what}: {self.predicted or '-'} != {self.observed or '-'}: {sql}"


def differences(
    case: str, report: StatementReport, held: dict[str, str], observed: Observed
) -> Iterator[Difference]:
    """Where the two do not agree; `held` are the predicted locks of the transaction so far."""

    def told(what: str, one: object, other: object) -> Difference:
        return Difference(case, report.sql, what, str(one or ""), str(other or ""))

    effects = report.effects
    code = (effects.error or "").split(" ")[0]
    if not code and observed.error.startswith("23"):
        return  # a constraint that the data violate: no statement shows that
    if re.match(r"\s*ROLLBACK TO", report.sql, re.IGNORECASE):
        held.clear()  # locks since the savepoint are given back
        held.update(observed.locks)
    if code != observed.error:
        yield told("error", effects.error, observed.error)
        return
    if code:
        return
    for lock in effects.locks:
        if lock.relation not in held or STRENGTH.index(held[lock.relation]) < STRENGTH.index(
            lock.mode
        ):
            held[lock.relation] = lock.mode
    # The query that checks a foreign key may read the referenced table whole, or its index.
    asked = {str(cause.relation) for cause in effects.causes
             if cause.kind in ("foreign-key.target", "foreign-key.asked")}  # fmt: skip
    mine, its = _strong(held), _strong(observed.locks)
    if OUTSIDE.search(report.sql):
        # Watched from outside, a lock on an index that nobody contests goes by unseen.
        mine = {name: mode for name, mode in mine.items() if name in observed.tables}
        its = {name: mode for name, mode in its.items() if name in observed.tables}
    for name in sorted(mine.keys() | its.keys()):
        if mine.get(name) != its.get(name):
            yield told(f"lock {name}", mine.get(name), its.get(name))
    if not ROWS.match(report.sql):
        for what in ("rewrites", "scans", "builds"):
            mine_set, its_set = set(getattr(effects, what)), getattr(observed, what)
            if what == "scans" and re.search(r"CONCURRENTLY|^\s*VACUUM", report.sql, re.IGNORECASE):
                continue
            if what == "scans":
                its_set = its_set - asked
            if mine_set != its_set:
                yield told(what, sorted(mine_set), sorted(its_set))


def _strong(locks: dict[str, str]) -> dict[str, str]:
    return {name: mode for name, mode in locks.items() if mode not in WEAK}
