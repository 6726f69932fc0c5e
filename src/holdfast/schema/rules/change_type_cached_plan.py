"""Prepared statements fail once after a change of type.

`cached plan must not change result type`: every session that has prepared a SELECT of the column
gets this error once, drivers and poolers with prepared statements too.

Instead: expect it: let the application retry, or reconnect its pools after the migration.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (27,)
CAUSES = ("alter-type",)
BAD = (Example("ALTER TABLE orders ALTER COLUMN note TYPE text"),)
GOOD = (Example("CREATE TABLE t (a int); ALTER TABLE t ALTER COLUMN a TYPE bigint"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A result type that changes."""
    if step.is_new(cause.relation) or (cause.facts.get("old") == first(cause, "new")):
        return None
    return Hit(
        f"prepared statements that return {first(cause, 'column')} fail once",
        "-- reconnect the application's pools afterwards",
        Severity.NOTICE,
    )
