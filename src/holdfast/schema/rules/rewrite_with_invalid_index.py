"""A rewrite builds an invalid unique index anew, and fails on it.

A rewrite rebuilds every index, the INVALID ones too. A unique index that is invalid because of
duplicates makes the whole ALTER TABLE fail, after the table has been written.

Instead: drop the invalid index first.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (6,)
CAUSES = ("rewrite.invalid-index",)
BAD = ()
GOOD = (Example("ALTER TABLE orders ALTER COLUMN note TYPE text"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An invalid unique index on the way of a rewrite."""
    index = first(cause, "index")
    return Hit(
        f"the rewrite fails on the INVALID unique index {index}",
        f"DROP INDEX CONCURRENTLY {index};\n{step.sql.strip()};",
        Severity.ERROR,
    )
