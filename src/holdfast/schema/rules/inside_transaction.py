"""A statement that no transaction takes stands in one.

CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY, REINDEX CONCURRENTLY, DETACH PARTITION
CONCURRENTLY, VACUUM and the statements about databases commit by themselves. Inside a
transaction block, also the one that a migration tool opens, they fail.

Instead: give it a migration of its own, and tell the tool to run that one without a transaction.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (2, 3)
CAUSES = ("inside-transaction",)
BAD = (
    Example("CREATE INDEX CONCURRENTLY i ON orders (status)", transaction=True),
    Example("VACUUM orders", transaction=True),
    Example("BEGIN; DROP INDEX CONCURRENTLY orders_pkey; COMMIT"),
)
GOOD = (
    Example("CREATE INDEX CONCURRENTLY i ON orders (status)"),
    Example("VACUUM orders"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A statement that has to stand alone."""
    what = first(cause, "what")
    return Hit(
        f"{what} fails: it stands in a transaction{' of the tool' if step.by_tool else ''}",
        f"-- in a migration of its own, without a transaction:\n{step.sql.strip()};",
        Severity.ERROR,
    )
