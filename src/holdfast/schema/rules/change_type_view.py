"""A view that uses the column refuses the change.

PostgreSQL fails with `cannot alter type of a column used by a view or rule`.

Instead: drop the view, change the column, make the view again, in one transaction.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (28,)
CAUSES = ("alter-type.view",)
BAD = (
    Example(
        "ALTER TABLE t ALTER COLUMN a TYPE text",
        given="CREATE TABLE t (a varchar(10)); CREATE VIEW v AS SELECT a FROM t",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE t ALTER COLUMN b TYPE text",
        given="CREATE TABLE t (a int, b varchar(10)); CREATE VIEW v AS SELECT a FROM t",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A view in the way."""
    view = first(cause, "view")
    return Hit(
        f"fails: view {view} uses {first(cause, 'column')}",
        f"BEGIN;\nDROP VIEW {view};\n{step.sql.strip()};\nCREATE VIEW {view} AS …;\nCOMMIT;",
        Severity.ERROR,
    )
