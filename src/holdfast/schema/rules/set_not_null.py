"""SET NOT NULL reads the whole table under the strongest lock.

Every row is looked at while reads and writes wait. From 12 on a validated CHECK (column IS NOT
NULL) spares the scan; from 18 on NOT NULL itself can be NOT VALID first.

Instead: ADD CONSTRAINT ... NOT VALID, VALIDATE CONSTRAINT in a later transaction, then SET NOT
NULL.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (30,)
CAUSES = ("set-not-null",)
BAD = (
    Example("ALTER TABLE orders ALTER COLUMN status SET NOT NULL"),
    Example(
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (status IS NOT NULL) NOT VALID; "
        "ALTER TABLE orders ALTER COLUMN status SET NOT NULL"
    ),
)
GOOD = (
    Example(
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (status IS NOT NULL) NOT VALID; "
        "ALTER TABLE orders VALIDATE CONSTRAINT c; "
        "ALTER TABLE orders ALTER COLUMN status SET NOT NULL"
    ),
    Example("ALTER TABLE orders ADD CONSTRAINT n NOT NULL status NOT VALID", version=18),
    Example("ALTER TABLE customers ALTER COLUMN email SET NOT NULL"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A scan that a CHECK would spare."""
    if not cause.work:
        return None
    column, table = first(cause, "column"), cause.relation.sql if cause.relation else "…"
    name = f"{column}_there"
    if step.version >= 18:
        safe = (
            f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column} NOT VALID;\n"
            f"-- in a later transaction:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};"
        )
    else:
        safe = (
            f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID;\n"
            f"-- in a later transaction:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};"
        )
        if step.version >= 12:
            safe += (
                f"\nALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;\n"
                f"ALTER TABLE {table} DROP CONSTRAINT {name};"
            )
    return lock_hit(step, cause, f"every row is looked at for {column}", safe)
