"""The column is bigint now, its sequence is not.

A serial column's sequence keeps its own type: nextval() still fails after 2,147,483,647.

Instead: ALTER SEQUENCE ... AS bigint in the same migration.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (29,)
CAUSES = ("sequence-stays",)
BAD = (
    Example(
        "ALTER TABLE t ALTER COLUMN id TYPE bigint", given="CREATE TABLE t (id serial PRIMARY KEY)"
    ),
)
GOOD = (
    Example(
        "ALTER SEQUENCE t_id_seq AS bigint; ALTER TABLE t ALTER COLUMN id TYPE bigint",
        given="CREATE TABLE t (id serial PRIMARY KEY)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A sequence of the old type."""
    sequence = first(cause, "sequence")
    return Hit(
        f"sequence {sequence} still ends at 2147483647", f"ALTER SEQUENCE {sequence} AS bigint;"
    )
