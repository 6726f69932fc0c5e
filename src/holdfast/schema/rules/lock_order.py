"""Several tables locked one after the other can deadlock.

A transaction that holds one table and waits for the next meets an application transaction that
goes the other way round; PostgreSQL kills one of them.

Instead: one table a transaction, or LOCK TABLE of all of them first, in the order of the
application.
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.names import Mode, Name
from holdfast.schema.rule import Example, Hit, Step

ROWS = (63,)
BAD = (
    Example(
        "ALTER TABLE orders ADD COLUMN x int; ALTER TABLE customers ADD COLUMN y int",
        transaction=True,
    ),
)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN x int; ALTER TABLE customers ADD COLUMN y int"),
    Example(
        "LOCK TABLE customers, orders; ALTER TABLE orders ADD COLUMN x int; "
        "ALTER TABLE customers ADD COLUMN y int",
        transaction=True,
    ),
)


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """The first statement that locks a second table of others in its transaction."""
    told: set[int] = set()
    for step in steps:
        if step.transaction in told or step.kind in ("lock_stmt", "drop_stmt"):
            continue
        before = {
            n for n, m in step.held.items() if m is Mode.ACCESS_EXCLUSIVE and step.is_table(n)
        }
        fresh = [
            n
            for n, m in step.draft.locks.items()
            if m is Mode.ACCESS_EXCLUSIVE and n not in step.held and step.is_table(n)
        ]
        if before and fresh and not _akin(step, before, fresh):
            told.add(step.transaction)
            names = ", ".join(sorted(name.short for name in (*before, *fresh)))
            yield (
                step,
                Hit(
                    f"{names} are locked one after the other",
                    f"-- a transaction for each, or first:\nLOCK TABLE {names} IN ACCESS EXCLUSIVE "
                    "MODE;",
                    Severity.NOTICE,
                ),
            )


def _akin(step: Step, before: set[Name], fresh: list[Name]) -> bool:
    """Whether they are one table and its partitions."""
    return all(
        any(parent in before for parent in getattr(step.relation(name), "parents", ()))
        for name in fresh
    )
