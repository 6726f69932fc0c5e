"""UNIQUE builds its index under the strongest lock.

Reads and writes wait while the index over the whole table is built.

Instead: CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (39,)
CAUSES = ("add-unique",)
BAD = (Example("ALTER TABLE customers ADD CONSTRAINT u UNIQUE (email)"),)
GOOD = (
    Example(
        "CREATE UNIQUE INDEX CONCURRENTLY u ON customers (email); "
        "ALTER TABLE customers ADD CONSTRAINT u UNIQUE USING INDEX u"
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
