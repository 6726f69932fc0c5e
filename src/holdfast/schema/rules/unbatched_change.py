"""One UPDATE or DELETE over a whole table is one long transaction.

All its row locks are held until the end, dead rows pile up, replicas fall behind; and if the
transaction also holds a table lock, everybody waits for the whole of it.

Instead: batches by key, each in a transaction of its own, apart from schema changes.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.names import Mode
from holdfast.schema.rule import Example, Hit, Step

ROWS = (61,)
CAUSES = ("rows.update", "rows.delete", "rows.insert", "rows.merge")
BAD = (
    Example("UPDATE orders SET status = 'old'"),
    Example(
        "ALTER TABLE orders ADD COLUMN x int; UPDATE orders SET x = 1 WHERE id > 0",
        transaction=True,
    ),
)
GOOD = (
    Example("UPDATE orders SET status = 'old' WHERE id BETWEEN 1 AND 1000"),
    Example("CREATE TABLE t (a int); INSERT INTO t SELECT 1", transaction=True),
    Example("INSERT INTO orders (id) VALUES (1000)"),
)

SMALL = 10_000


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Many rows in one transaction."""
    if cause.relation is None or step.is_new(cause.relation):
        return None
    table = cause.relation
    held = step.held.get(table, Mode.NONE)
    batch = f"UPDATE {table.sql} SET … WHERE id BETWEEN … AND …;  -- in batches, each committed"
    if held is Mode.ACCESS_EXCLUSIVE and cause.facts.get("source") not in ("values", "row"):
        return Hit(
            f"rows of {table.short} are changed while the same transaction keeps all others out",
            batch,
            Severity.ERROR,
        )
    rows = getattr(step.relation(table), "rows", None)
    if rows is not None and rows < SMALL:
        return None
    if cause.kind in ("rows.update", "rows.delete") and not cause.facts.get("where"):
        return Hit(f"every row of {table.short} is changed in one transaction", batch)
    return None
