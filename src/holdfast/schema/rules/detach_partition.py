"""DETACH PARTITION stops reads and writes of the whole partitioned table.

ACCESS EXCLUSIVE on the parent, the partition and the default partition.

Instead: DETACH PARTITION ... CONCURRENTLY from 14 on, without a transaction; it is refused where
there is a default partition. Before 14, a short lock_timeout.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (54,)
CAUSES = ("detach-partition", "detach.default-partition")
BAD = (
    Example(
        "ALTER TABLE p DETACH PARTITION p1",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
    Example(
        "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); "
        "CREATE TABLE d PARTITION OF p DEFAULT",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """The readers of all partitions."""
    table = cause.relation.sql if cause.relation else "…"
    if cause.kind == "detach.default-partition":
        return Hit(
            f"fails: {table} has a default partition",
            "SET LOCAL lock_timeout = '2s';\nALTER TABLE … DETACH PARTITION …;",
            Severity.ERROR,
        )
    partition = first(cause, "partition")
    parent = step.relation(cause.relation)
    online = step.version >= 14 and (parent is None or parent.default_partition is None)
    safe = (
        f"ALTER TABLE {table} DETACH PARTITION {partition} CONCURRENTLY;"
        if online
        else f"SET LOCAL lock_timeout = '2s';\nALTER TABLE {table} DETACH PARTITION {partition};"
    )
    return lock_hit(step, cause, f"partition {partition} is detached", safe)
