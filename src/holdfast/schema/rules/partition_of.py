"""Making or dropping a partition locks the whole partitioned table.

CREATE TABLE ... PARTITION OF and DROP TABLE of a partition take ACCESS EXCLUSIVE on the parent,
and on the default partition, whose rows may be read.

Instead: CREATE TABLE (LIKE ...), then ATTACH PARTITION; DETACH CONCURRENTLY, then DROP TABLE.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (55,)
CAUSES = ("partition-of", "drop-partition")
BAD = (
    Example(
        "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
    Example(
        "DROP TABLE p1",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)
GOOD = (
    Example(
        "CREATE TABLE p2 (LIKE p); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2)",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """The parent's readers."""
    table, partition = cause.relation.sql if cause.relation else "…", first(cause, "partition")
    if cause.kind == "partition-of":
        safe = (
            f"CREATE TABLE {partition} (LIKE {table} INCLUDING ALL);\n"
            f"ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES …;"
        )
    else:
        safe = (
            f"ALTER TABLE {table} DETACH PARTITION {partition} CONCURRENTLY;\nDROP TABLE "
            f"{partition};"
        )
    what = "made" if cause.kind == "partition-of" else "dropped"
    return lock_hit(step, cause, f"partition {partition} is {what}", safe)
