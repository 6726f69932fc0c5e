"""Another name or another schema, and whoever says the old one fails.

Functions, types, sequences, schemas and tables that move to another schema are found by their
names.

Instead: keep the old name working for a while: a wrapper, a view, the old schema in search_path.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.migration import Direction
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (45,)
CAUSES = ("rename-object", "set-schema")
BAD = (
    Example(
        "ALTER TABLE orders SET SCHEMA archive",
        given="CREATE SCHEMA archive; CREATE TABLE orders (id int)",
    ),
    Example("ALTER SCHEMA app RENAME TO app2", given="CREATE SCHEMA app"),
)
GOOD = (Example("ALTER TABLE orders RENAME CONSTRAINT orders_pkey TO orders_primary"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A name that is gone."""
    if cause.facts.get("kind") == "object" or step.is_new(cause.relation):
        return None
    old = cause.facts.get("old") or first(cause, "name", "the object")
    return Hit(
        f"statements that name {old} fail, unless search_path finds it",
        "-- an alias under the old name until nobody uses it",
        Severity.NOTICE if step.direction is Direction.DOWN else Severity.WARNING,
    )
