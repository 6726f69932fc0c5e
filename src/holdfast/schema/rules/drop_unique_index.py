"""A unique index may be what ON CONFLICT rests on.

INSERT ... ON CONFLICT (columns) fails from the moment on at which no unique index covers exactly
these columns, and duplicates get in.

Instead: look for ON CONFLICT over these columns in the application's statements first.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (8,)
CAUSES = ("drop-index",)
BAD = (
    Example(
        "DROP INDEX CONCURRENTLY i", given="CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a)"
    ),
)
GOOD = (
    Example("DROP INDEX CONCURRENTLY i", given="CREATE TABLE t (a int); CREATE INDEX i ON t (a)"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A unique index that is dropped."""
    if not cause.facts.get("unique") or step.is_new(cause.relation):
        return None
    if cause.facts.get("valid") == "":
        return None
    index, columns = first(cause, "index"), first(cause, "columns")
    return Hit(
        f"INSERT ... ON CONFLICT ({columns}) fails once unique index {index} is gone",
        f"-- no statement may say ON CONFLICT ({columns}) any more\n{step.sql.strip()};",
    )
