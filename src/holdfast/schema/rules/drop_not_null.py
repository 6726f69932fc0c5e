"""The application will read NULL.

Code that was written when the column could not be NULL may fail on the first one.

Instead: deploy the code that can take NULL first.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.migration import Direction
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (31,)
CAUSES = ("drop-not-null",)
BAD = (Example("ALTER TABLE customers ALTER COLUMN email DROP NOT NULL"),)
GOOD = (Example("ALTER TABLE customers ALTER COLUMN name SET DEFAULT 'x'"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A promise that is taken back."""
    if step.is_new(cause.relation) or step.direction is Direction.DOWN:
        return None
    return Hit(
        f"readers of {first(cause, 'column')} may get NULL from now on",
        "-- after the application that can take NULL is deployed",
        Severity.NOTICE,
    )
