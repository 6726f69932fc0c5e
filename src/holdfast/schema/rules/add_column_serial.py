"""A serial column numbers every row that is there.

Each row gets a number from the new sequence, so the whole table is written anew with all its
indexes under ACCESS EXCLUSIVE.

Instead: add a nullable bigint column, give it a sequence and a default for rows to come, number
old rows in batches.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (13,)
CAUSES = ("add-column.serial",)
BAD = (Example("ALTER TABLE orders ADD COLUMN n serial"),)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN n bigint"),
    Example("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN n serial", transaction=True),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Numbers for rows that are there."""
    column, table = first(cause, "column"), cause.relation.sql if cause.relation else "…"
    return lock_hit(
        step,
        cause,
        f"column {column} numbers every row",
        f"ALTER TABLE {table} ADD COLUMN {column} bigint;\n"
        f"CREATE SEQUENCE {table}_{column}_seq OWNED BY {table}.{column};\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval('{table}_{column}_seq');\n"
        f"-- then fill {column} in batches",
    )
