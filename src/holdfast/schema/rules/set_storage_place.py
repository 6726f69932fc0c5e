"""Another tablespace or access method copies the table.

All its files are written anew under ACCESS EXCLUSIVE, unless it is there already.

Instead: a new table in the right place, filled in batches; or pg_repack --tablespace.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (51,)
CAUSES = ("set-tablespace", "set-access-method")
BAD = (Example("ALTER TABLE orders SET TABLESPACE fast", given="CREATE TABLE orders (id int)"),)
GOOD = (
    Example("ALTER TABLE orders SET TABLESPACE pg_default"),
    Example("ALTER TABLE orders SET ACCESS METHOD heap"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A table that moves."""
    where = cause.facts.get("tablespace") or first(cause, "method")
    return lock_hit(step, cause, f"it moves to {where}")
