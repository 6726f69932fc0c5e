"""Building an index blocks every write to its table.

CREATE INDEX takes a SHARE lock for as long as it reads and sorts the whole table: INSERT, UPDATE
and DELETE wait, and whatever comes after them waits too.

Instead: CREATE INDEX CONCURRENTLY, as the only statement of a migration that runs without a
transaction. On a partitioned table: CREATE INDEX ON ONLY the parent, CONCURRENTLY on each
partition, then ALTER INDEX ... ATTACH PARTITION.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import severity, told
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (1,)
CAUSES = ("create-index",)
BAD = (
    Example("CREATE INDEX orders_status ON orders (status)"),
    Example("CREATE UNIQUE INDEX ON customers (email)", transaction=True),
    Example("CREATE INDEX orders_status ON orders (status)", complete=False, given=""),
)
GOOD = (
    Example("CREATE INDEX CONCURRENTLY orders_status ON orders (status)"),
    Example("CREATE TABLE t (a int); CREATE INDEX ON t (a)", transaction=True),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """One index on a table that others may use."""
    how = severity(step, cause)
    if how is None or cause.relation is None or not cause.work:
        return None
    unique = "UNIQUE " if cause.facts.get("unique") else ""
    table, name = cause.relation.sql, first(cause, "index")
    columns = first(cause, "columns")
    safe = f"CREATE {unique}INDEX CONCURRENTLY {name} ON {table} ({columns});"
    if cause.facts.get("partitioned"):
        safe = (
            f"CREATE {unique}INDEX {name} ON ONLY {table} ({columns});\n"
            f"-- for each partition, in a migration of its own without a transaction:\n"
            f"CREATE {unique}INDEX CONCURRENTLY {name}_p ON partition ({columns});\n"
            f"ALTER INDEX {name} ATTACH PARTITION {name}_p;"
        )
    return Hit(f"index {name} is built under a lock: {told(step, cause)}", safe, how)
