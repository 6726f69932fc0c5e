"""TRUNCATE empties the table under the strongest lock.

Every row is gone; reads wait; with CASCADE the tables that refer to it are emptied as well.

Instead: DELETE in batches where others use the table.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step

ROWS = (48,)
CAUSES = ("truncate",)
BAD = (Example("TRUNCATE orders"),)
GOOD = (
    Example("CREATE TABLE t (a int); TRUNCATE t"),
    Example("DELETE FROM orders WHERE id <= 1000"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A table that is emptied."""
    if step.is_new(cause.relation):
        return None
    table = cause.relation.short if cause.relation else "…"
    also = ", because of CASCADE" if cause.facts.get("cascade") else ""
    return Hit(
        f"every row of {table} is lost{also}; reads and writes of it wait",
        f"DELETE FROM {table} WHERE … -- in batches",
        Severity.ERROR if also else Severity.WARNING,
    )
