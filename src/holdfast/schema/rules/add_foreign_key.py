"""A foreign key stops writes of both tables while every row is checked.

ADD FOREIGN KEY takes SHARE ROW EXCLUSIVE on both tables (reads go on) and holds it while it
looks up every row.

Instead: NOT VALID, then VALIDATE CONSTRAINT in a later transaction.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (33,)
CAUSES = ("add-foreign-key",)
BAD = (
    Example(
        "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id)"
    ),
)
GOOD = (
    Example(
        "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES "
        "customers (id) NOT VALID"
    ),
    Example("CREATE TABLE t (c bigint REFERENCES customers (id))"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A foreign key that is verified at once."""
    if not cause.work:
        return None
    name, table = first(cause, "constraint"), cause.relation.sql if cause.relation else "…"
    return lock_hit(
        step,
        cause,
        f"every row is looked up for {name}",
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({first(cause, 'columns')})"
        f" REFERENCES {first(cause, 'target')} ({first(cause, 'target_columns')}) NOT VALID;\n"
        f"-- in a later transaction:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};",
    )
