"""CASCADE drops what nobody has named.

Views, foreign keys, columns and functions of others go along silently; what they are depends on
the database that it is run on.

Instead: drop the dependents by name, in order.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.migration import Direction
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (47,)
CAUSES = ("cascade", "drop-object", "drop-view", "drop-column", "drop-table")
BAD = (
    Example("DROP TABLE customers CASCADE"),
    Example(
        "DROP FUNCTION f CASCADE",
        given="CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ),
    Example("DROP SCHEMA app CASCADE", given="CREATE SCHEMA app"),
)
GOOD = (Example("DROP VIEW v", given="CREATE VIEW v AS SELECT 1 AS one"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Dependents that go along."""
    if step.direction is Direction.DOWN:
        return None
    if cause.kind == "cascade":
        if step.is_new(cause.relation):
            return None
        return Hit(
            f"CASCADE drops {first(cause, 'gone')}", "-- drop it by name first", Severity.ERROR
        )
    if not cause.facts.get("cascade") or any(c.kind == "cascade" for c in step.effects.causes):
        return None
    return Hit(
        "CASCADE drops whatever depends on it", step.sql.replace(" CASCADE", "").strip() + ";"
    )
