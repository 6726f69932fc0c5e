"""A CHECK on a new column reads the whole table.

The constraint is verified for every row under ACCESS EXCLUSIVE, although all rows have the same
value.

Instead: add the column, then the constraint NOT VALID, and VALIDATE it in a later migration.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (17,)
CAUSES = ("add-column.check",)
BAD = (Example("ALTER TABLE orders ADD COLUMN n int CHECK (n > 0)"),)
GOOD = (
    Example(
        "ALTER TABLE orders ADD COLUMN n int; "
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (n > 0) NOT VALID"
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A CHECK that is verified at once."""
    if not cause.work:
        return None
    name, table = first(cause, "constraint"), cause.relation.sql if cause.relation else "…"
    return lock_hit(
        step,
        cause,
        f"constraint {name} is checked for each row",
        f"ALTER TABLE {table} ADD COLUMN …;\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK "
        f"({first(cause, 'expression')}) NOT VALID;\n"
        f"-- in a later transaction:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};",
    )
