"""What fails half way outside of a transaction cannot be run again.

Statements before the failure are committed; the second attempt stops at the first of them with
`already exists`.

Instead: IF NOT EXISTS and IF EXISTS, or one statement a migration.
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.rule import Example, Hit, Step

ROWS = (66,)
BAD = (
    Example(
        "CREATE TABLE a (x int); CREATE TABLE b (x int); "
        "CREATE INDEX CONCURRENTLY i ON orders (status)"
    ),
)
GOOD = (
    Example("CREATE TABLE IF NOT EXISTS a (x int); CREATE INDEX CONCURRENTLY i ON orders (status)"),
    Example("CREATE TABLE a (x int); CREATE TABLE b (x int)", transaction=True),
)

MAKES = ("create_stmt", "index_stmt", "drop_stmt", "alter_table_stmt", "create_seq_stmt")


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """The first statement before others that a second run stops at."""
    outside = [s for s in steps if not s.in_transaction and s.kind in MAKES]
    if len(outside) < 2:
        return
    for step in outside[:-1]:
        again = getattr(step.node, "if_not_exists", False) or getattr(
            step.node, "missing_ok", False
        )
        if not again and step.kind != "alter_table_stmt":
            yield (
                step,
                Hit(
                    "if a later statement fails, a second run stops here",
                    "-- IF NOT EXISTS / IF EXISTS, or a migration of its own",
                    Severity.NOTICE,
                ),
            )
            return
