"""The server refuses the statement.

By what is known of the catalog, it fails with the SQLSTATE that is named, and in a transaction
everything before it is rolled back.

Instead: correct the statement, or the order of the migrations.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = ()
CAUSES = ("fails",)
BAD = (
    Example("ALTER TABLE orders ADD COLUMN note text"),
    Example("CREATE TABLE orders (id int)"),
    Example("DROP TABLE nowhere"),
)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text"),
    Example("ALTER TABLE nowhere ADD COLUMN x int", given="", complete=False),
)

EXPLAINED = frozenset(
    {
        "inside-transaction",
        "pending-triggers",
        "concurrently.partitioned",
        "alter-type.view",
        "foreign-key.partitioned-not-valid",
        "detach.default-partition",
        "refresh.no-unique-index",
        "enum.fresh-used",
    }
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A predicted error that no other rule explains."""
    if len(step.effects.causes) > 1 and any(c.kind in EXPLAINED for c in step.effects.causes):
        return None
    code, _, text = first(cause, "error").partition(" ")
    return Hit(f"fails with {code}: {text}", "", Severity.ERROR)
