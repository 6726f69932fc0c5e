"""The migration's own BEGIN or COMMIT ends the tool's transaction.

A BEGIN inside of a transaction does nothing; its COMMIT commits what the tool still wants to
roll back, and the rest runs without any. A BEGIN without COMMIT is rolled back when the
connection closes.

Instead: leave transactions to the tool, or turn its own off for this migration.
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.rule import Example, Hit, Step

ROWS = (67,)
BAD = (
    Example("BEGIN; ALTER TABLE orders ADD COLUMN x int; COMMIT", transaction=True),
    Example("BEGIN; ALTER TABLE orders ADD COLUMN x int"),
)
GOOD = (Example("BEGIN; ALTER TABLE orders ADD COLUMN x int; COMMIT"),)


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """BEGIN in a transaction, COMMIT of somebody else's, BEGIN that nobody ends."""
    open_at: Step | None = None
    for step in steps:
        if step.kind != "transaction_stmt":
            continue
        if step.node.kind in (1, 2):
            if step.in_transaction:
                yield (
                    step,
                    Hit(
                        "there is a transaction already: this BEGIN does nothing",
                        "-- without BEGIN and COMMIT",
                    ),
                )
            open_at = step
        elif step.node.kind in (3, 4):
            if step.by_tool and open_at is None:
                yield step, Hit("this ends the transaction of the tool", "-- without COMMIT")
            open_at = None
    if open_at is not None and not open_at.by_tool:
        yield open_at, Hit("nobody commits this transaction", "COMMIT;", Severity.ERROR)
