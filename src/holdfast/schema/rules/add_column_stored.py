"""A stored generated column is computed for every row that is there.

The whole table is written anew under ACCESS EXCLUSIVE. A VIRTUAL one (18 and later) is computed
when it is read and costs nothing now.

Instead: VIRTUAL from 18 on; before, an ordinary column that a trigger fills, and batches for old
rows.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (15,)
CAUSES = ("add-column.stored",)
BAD = (
    Example("ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (quantity * 2) STORED"),
)
GOOD = (
    Example(
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (quantity * 2) VIRTUAL",
        version=18,
    ),
    Example("ALTER TABLE orders ADD COLUMN twice int"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A value that is computed for each row."""
    column, table = first(cause, "column"), cause.relation.sql if cause.relation else "…"
    kind = first(cause, "type")
    safe = (
        f"ALTER TABLE {table} ADD COLUMN {column} {kind} GENERATED ALWAYS AS (…) VIRTUAL;"
        if step.version >= 18
        else f"ALTER TABLE {table} ADD COLUMN {column} {kind};\n"
        f"-- then a trigger that fills it, and batches for old rows"
    )
    return lock_hit(step, cause, f"column {column} is computed for each row", safe)
