"""json has no equality.

SELECT DISTINCT, GROUP BY and UNION over a json column fail; every access parses the text again.

Instead: jsonb.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (20,)
CAUSES = ("column",)
BAD = (
    Example("CREATE TABLE t (id int, data json)"),
    Example("ALTER TABLE orders ADD COLUMN data json"),
)
GOOD = (Example("CREATE TABLE t (id int, data jsonb)"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A column of type json."""
    if not first(cause, "type").startswith("json") or first(cause, "type").startswith("jsonb"):
        return None
    column = first(cause, "column")
    return Hit(
        f"column {column} is json: DISTINCT and GROUP BY fail on it",
        f"{column} jsonb",
        Severity.NOTICE,
    )
