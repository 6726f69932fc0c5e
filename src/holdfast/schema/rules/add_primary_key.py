"""A primary key builds its index under the strongest lock, and may read the table first.

Reads and writes wait while the index is built; if a column may be NULL, the whole table is read
for that too.

Instead: CREATE UNIQUE INDEX CONCURRENTLY, NOT NULL by a validated CHECK, then ADD PRIMARY KEY
USING INDEX.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (40,)
CAUSES = ("add-primary-key", "primary-key.nullable")
BAD = (
    Example("ALTER TABLE t ADD PRIMARY KEY (id)", given="CREATE TABLE t (id int NOT NULL)"),
    Example(
        "CREATE UNIQUE INDEX CONCURRENTLY u ON t (id); ALTER TABLE t ADD PRIMARY KEY USING INDEX u",
        given="CREATE TABLE t (id int)",
    ),
)
GOOD = (
    Example(
        "CREATE UNIQUE INDEX CONCURRENTLY u ON t (id); ALTER TABLE t ADD PRIMARY KEY USING INDEX u",
        given="CREATE TABLE t (id int NOT NULL)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An index that is built, or a column that is read, at once."""
    table = cause.relation.sql if cause.relation else "…"
    if cause.kind == "primary-key.nullable":
        column = first(cause, "column")
        return lock_hit(
            step,
            cause,
            f"column {column} may be NULL, so every row is looked at",
            f"ALTER TABLE {table} ADD CONSTRAINT c CHECK ({column} IS NOT NULL) NOT VALID;\n"
            f"ALTER TABLE {table} VALIDATE CONSTRAINT c;\n"
            f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;",
        )
    name, columns = first(cause, "constraint"), first(cause, "columns")
    return lock_hit(
        step,
        cause,
        f"the index of {name} is built",
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns});\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name};",
    )
