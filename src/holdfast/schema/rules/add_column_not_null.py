"""A NOT NULL column without a default fails as soon as there is a row.

Old rows would have NULL. On an empty table it works, so it passes every test and fails in
production.

Instead: add it nullable, write it from the application, fill old rows in batches, then NOT NULL
by a validated CHECK; or give it a constant default.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (12,)
CAUSES = ("add-column.not-null",)
BAD = (Example("ALTER TABLE orders ADD COLUMN region text NOT NULL"),)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN region text NOT NULL DEFAULT 'eu'"),
    Example("ALTER TABLE orders ADD COLUMN region text"),
    Example("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int NOT NULL"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A value that old rows do not have."""
    if step.is_new(cause.relation):
        return None
    known = step.relation(cause.relation)
    if known is not None and known.rows == 0:
        return None
    column, table = first(cause, "column"), cause.relation.sql if cause.relation else "…"
    return Hit(
        f"fails if {table} has a row: column {column} would be NULL in it",
        f"ALTER TABLE {table} ADD COLUMN {column} {first(cause, 'type')};\n"
        f"-- fill it in batches, then, in later migrations:\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {column}_there CHECK ({column} IS NOT "
        "NULL) NOT VALID;\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {column}_there;\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;",
        Severity.ERROR,
    )
