"""The column's data are gone, and statements that name it fail.

Every instance of the application that still reads or writes the column fails at once; a rollback
of the application does not bring the data back.

Instead: first deploy what no longer names it; drop it in a later release, under a short
lock_timeout.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.migration import Direction
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (46,)
CAUSES = ("drop-column",)
BAD = (Example("ALTER TABLE orders DROP COLUMN note"),)
GOOD = (Example("CREATE TABLE t (a int, b int); ALTER TABLE t DROP COLUMN b"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A column with data."""
    if step.is_new(cause.relation) or step.direction is Direction.DOWN:
        return None
    column, table = first(cause, "column"), cause.relation.short if cause.relation else "…"
    return Hit(
        f"the data of {table}.{column} are lost, and statements that name it fail",
        "-- when no application names it any more:\nSET LOCAL lock_timeout = "
        f"'2s';\n{step.sql.strip()};",
    )
