"""NOT VALID is refused on a partitioned table before 18.

The statement fails: a foreign key of a partitioned table has to be valid at once.

Instead: NOT VALID and VALIDATE on each partition, then ADD FOREIGN KEY on the parent, which
finds them and checks nothing.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step

ROWS = (34,)
CAUSES = ("foreign-key.partitioned-not-valid",)
BAD = (
    Example(
        "ALTER TABLE p ADD CONSTRAINT f FOREIGN KEY (k) REFERENCES t (id) NOT VALID",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE p ADD CONSTRAINT f FOREIGN KEY (k) REFERENCES t (id) NOT VALID",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
        version=18,
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A foreign key of a partitioned table."""
    table = cause.relation.sql if cause.relation else "…"
    return Hit(
        f"fails on {step.version}: {table} is partitioned",
        "-- for each partition: ADD FOREIGN KEY … NOT VALID, then VALIDATE CONSTRAINT;\n"
        f"ALTER TABLE {table} ADD FOREIGN KEY …;",
        Severity.ERROR,
    )
