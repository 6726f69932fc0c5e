"""UNIQUE or PRIMARY KEY on a new column builds an index under the strongest lock.

The index over the whole table is built while reads and writes wait.

Instead: add the column, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (18,)
CAUSES = ("add-column.unique",)
BAD = (Example("ALTER TABLE orders ADD COLUMN n int UNIQUE"),)
GOOD = (
    Example(
        "ALTER TABLE orders ADD COLUMN n int; "
        "CREATE UNIQUE INDEX CONCURRENTLY u ON orders (n); "
        "ALTER TABLE orders ADD CONSTRAINT u UNIQUE USING INDEX u"
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An index that is built at once."""
    name, table = first(cause, "constraint"), cause.relation.sql if cause.relation else "…"
    columns, kind = (
        first(cause, "columns"),
        "PRIMARY KEY" if cause.facts.get("primary") else "UNIQUE",
    )
    return lock_hit(
        step,
        cause,
        f"the index of {name} is built",
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns});\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name};",
    )
