"""ATTACH PARTITION reads the new partition, and the default one, under the strongest lock.

Every row of the new partition is compared with the bound, and every row of the default partition
is looked at for one that belongs to the new one.

Instead: a CHECK of the same condition on the new partition, and its opposite on the default one,
both validated before.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step

ROWS = (53,)
CAUSES = ("attach-partition", "default-partition")
BAD = (
    Example(
        "ALTER TABLE p ATTACH PARTITION n FOR VALUES FROM (1) TO (10)",
        given="CREATE TABLE p (k int NOT NULL) PARTITION BY RANGE (k); "
        "CREATE TABLE n (k int NOT NULL)",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE n ADD CONSTRAINT c CHECK (k >= 1 AND k < 10) NOT VALID; "
        "ALTER TABLE n VALIDATE CONSTRAINT c; "
        "ALTER TABLE p ATTACH PARTITION n FOR VALUES FROM (1) TO (10)",
        given="CREATE TABLE p (k int NOT NULL) PARTITION BY RANGE (k); "
        "CREATE TABLE n (k int NOT NULL)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Rows that are compared with a bound."""
    if cause.kind == "default-partition" and cause.facts.get("by") != "attach-partition":
        return None
    if not cause.work:
        return None
    table = cause.relation.sql if cause.relation else "…"
    return lock_hit(
        step,
        cause,
        f"every row of {table} is compared with the bound",
        f"ALTER TABLE {table} ADD CONSTRAINT fits CHECK (…) NOT VALID;\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT fits;\n{step.sql.strip()};",
    )
