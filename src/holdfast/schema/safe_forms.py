"""Safe forms that more than one rule proposes."""

from __future__ import annotations

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Hit, Step, first


def numbered_column(step: Step, cause: Cause) -> Hit | None:
    """A column that numbers every row, serial or identity: a sequence for rows to come first."""
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


def constraint_by_index(step: Step, cause: Cause) -> Hit | None:
    """A unique constraint whose index is built at once: built beside the work instead."""
    name, table = first(cause, "constraint"), cause.relation.sql if cause.relation else "…"
    columns = first(cause, "columns")
    kind = "PRIMARY KEY" if cause.facts.get("primary") else "UNIQUE"
    return lock_hit(
        step,
        cause,
        f"the index of {name} is built",
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns});\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name};",
    )
