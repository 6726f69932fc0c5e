"""An ALTER of a parent locks every partition.

The strongest lock of the statement is taken on all partitions or children, one after the other:
the more there are, the longer it waits for somebody while it holds the others.

Instead: a short lock_timeout with retries.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (56,)
CAUSES = ("alter-parent",)
BAD = (
    Example(
        "ALTER TABLE p ADD COLUMN x int",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
)
GOOD = (
    Example(
        "SET lock_timeout = '2s'; ALTER TABLE p ADD COLUMN x int",
        given="CREATE TABLE p (k int) PARTITION BY LIST (k); "
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    ),
    Example("ALTER TABLE orders ADD COLUMN x int"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """All the children at once."""
    if step.setting("lock_timeout") or step.is_new(cause.relation):
        return None
    table = cause.relation.short if cause.relation else "…"
    return Hit(
        f"{first(cause, 'children')} children of {table} are locked with it ({cause.mode.pg_name})",
        f"SET LOCAL lock_timeout = '2s';\n{step.sql.strip()};",
    )
