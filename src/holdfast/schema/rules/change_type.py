"""Another type is another table.

If the stored bytes differ, every row and every index is written anew under ACCESS EXCLUSIVE. A
wider varchar, varchar to text, a higher precision of the same scale and the like are free, and
no finding.

Instead: a new column, a trigger that fills it, batches, then the switch (expand and contract).
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import MILDER, lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (23, 24)
CAUSES = ("alter-type.rewrite",)
BAD = (
    Example("ALTER TABLE orders ALTER COLUMN quantity TYPE bigint"),
    Example("ALTER TABLE orders ALTER COLUMN note TYPE varchar(10)"),
)
GOOD = (
    Example("ALTER TABLE orders ALTER COLUMN note TYPE varchar(100)"),
    Example("ALTER TABLE orders ALTER COLUMN note TYPE text"),
    Example("ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2)"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A type whose bytes differ."""
    if first(cause, "why") == "timezone":
        return None
    column, table = first(cause, "column"), cause.relation.sql if cause.relation else "…"
    old = first(cause, "old", "an unknown type")
    surely = "" if first(cause, "why") != "unknown" else " (unless the old type has the same bytes)"
    found = lock_hit(
        step,
        cause,
        f"column {column} goes from {old} to {first(cause, 'new')}{surely}",
        f"ALTER TABLE {table} ADD COLUMN {column}_new {first(cause, 'new')};\n"
        f"-- a trigger that fills it, batches for old rows, then in one transaction:\n"
        f"ALTER TABLE {table} RENAME COLUMN {column} TO {column}_old;\n"
        f"ALTER TABLE {table} RENAME COLUMN {column}_new TO {column};",
    )
    if found is None or not surely:
        return found
    return found._replace(severity=min(found.severity, Severity.WARNING, key=MILDER.index))
