"""The table's rows are gone, and statements that name it fail.

Whoever still uses the table fails at once, and only a backup brings the rows back.

Instead: rename it first, wait for a release, then drop it under a short lock_timeout.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.migration import Direction
from holdfast.schema.rule import Example, Hit, Step

ROWS = (46,)
CAUSES = ("drop-table",)
BAD = (Example("DROP TABLE orders"),)
GOOD = (
    Example("CREATE TABLE t (a int); DROP TABLE t"),
    Example("DROP VIEW v", given="CREATE VIEW v AS SELECT 1 AS one"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A table with rows."""
    if step.is_new(cause.relation) or step.direction is Direction.DOWN:
        return None
    table = cause.relation.short if cause.relation else "…"
    return Hit(
        f"the rows of {table} are lost, and statements that name it fail",
        "-- when no application names it any more:\nSET LOCAL lock_timeout = "
        f"'2s';\n{step.sql.strip()};",
    )
