"""timestamp to timestamptz is free in one time zone only.

From 12 on PostgreSQL leaves the table as it is if the session's time zone is UTC; in any other
it writes every row anew, under ACCESS EXCLUSIVE.

Instead: SET LOCAL timezone TO 'UTC' in the same transaction, if the stored times are UTC.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (25,)
CAUSES = ("alter-type.timezone",)
BAD = (Example("ALTER TABLE orders ALTER COLUMN placed TYPE timestamptz"),)
GOOD = (Example("SET timezone TO 'UTC'; ALTER TABLE orders ALTER COLUMN placed TYPE timestamptz"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A change that the session's time zone decides."""
    safe = f"SET LOCAL timezone TO 'UTC';\n{step.sql.strip()};" if step.version >= 12 else ""
    return lock_hit(
        step,
        cause,
        f"column {first(cause, 'column')} goes from {first(cause, 'old')} to {first(cause, 'new')}"
        " in a session whose time zone is not known to be UTC",
        safe,
    )
