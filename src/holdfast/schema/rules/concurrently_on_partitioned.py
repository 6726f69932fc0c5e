"""CONCURRENTLY is refused on a partitioned table.

PostgreSQL builds and drops an index of a partitioned table in one transaction, so the statement
fails.

Instead: CREATE INDEX ON ONLY the parent, CONCURRENTLY on each partition, ALTER INDEX ... ATTACH
PARTITION; the parent's index turns valid with the last one.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step

ROWS = (4,)
CAUSES = ("concurrently.partitioned",)
BAD = (
    Example(
        "CREATE INDEX CONCURRENTLY i ON p (k)",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)
GOOD = (
    Example(
        "CREATE INDEX i ON ONLY p (k); CREATE INDEX CONCURRENTLY i1 ON p1 (k); "
        "ALTER INDEX i ATTACH PARTITION i1",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An index of a partitioned table."""
    table = cause.relation.sql if cause.relation else "…"
    partitions = [child.sql for child in getattr(step.relation(cause.relation), "children", ())]
    each = "\n".join(
        f"CREATE INDEX CONCURRENTLY i_{n} ON {name} (…);\nALTER INDEX i ATTACH PARTITION i_{n};"
        for n, name in enumerate(partitions, 1)
    )
    return Hit(
        f"{table} is partitioned: CONCURRENTLY fails on it",
        f"CREATE INDEX i ON ONLY {table} (…);\n{each}",
        Severity.ERROR,
    )
