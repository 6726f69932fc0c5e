"""A volatile default is computed for every row that is there.

From 11 on a constant or stable default (now() is stable) is kept in the catalog and costs
nothing; a volatile one (random(), gen_random_uuid(), clock_timestamp(), nextval()) writes the
whole table anew under ACCESS EXCLUSIVE.

Instead: add the column without a default, set the default for rows to come, fill old rows in
batches.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import MILDER, lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (10, 11)
CAUSES = ("add-column.volatile-default", "add-column.unknown-default")
BAD = (
    Example("ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid()"),
    Example(
        "ALTER TABLE orders ADD COLUMN seen timestamptz DEFAULT clock_timestamp()", transaction=True
    ),
)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN seen timestamptz DEFAULT now()"),
    Example("ALTER TABLE orders ADD COLUMN flag boolean NOT NULL DEFAULT false"),
    Example("ALTER TABLE orders ADD COLUMN code text DEFAULT lower('X')"),
    Example(
        "CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid()",
        transaction=True,
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A default that no catalog can hold."""
    column, calls = first(cause, "column"), first(cause, "calls", "an expression")
    table = cause.relation.sql if cause.relation else "…"
    surely = "" if cause.kind.endswith("volatile-default") else " (if it is volatile)"
    found = lock_hit(
        step,
        cause,
        f"column {column} gets {calls}() for each row{surely}",
        f"ALTER TABLE {table} ADD COLUMN {column} {first(cause, 'type')};\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {calls}();\n"
        f"-- then fill {column} in batches, each in a transaction of its own",
    )
    if found is None or not surely:
        return found
    return found._replace(severity=min(found.severity, Severity.WARNING, key=MILDER.index))
