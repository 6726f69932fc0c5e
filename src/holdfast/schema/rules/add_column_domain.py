"""A column of a constrained domain is checked by writing the table anew.

Even without a default PostgreSQL computes NULL as a value of the domain for each row, because
the domain might refuse it.

Instead: a column of the plain type with a CHECK that is NOT VALID first.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (16,)
CAUSES = ("add-column.domain",)
BAD = (
    Example(
        "ALTER TABLE orders ADD COLUMN n positive",
        given="CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TABLE orders (id int)",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE orders ADD COLUMN n plain",
        given="CREATE DOMAIN plain AS int; CREATE TABLE orders (id int)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A domain that refuses values."""
    column, table = first(cause, "column"), cause.relation.sql if cause.relation else "…"
    return lock_hit(
        step,
        cause,
        f"domain {first(cause, 'type')} of column {column} is checked for each row",
        f"ALTER TABLE {table} ADD COLUMN {column} …;  -- the domain's base type\n"
        f"ALTER TABLE {table} ADD CHECK (…) NOT VALID;\n-- later: VALIDATE CONSTRAINT",
    )
