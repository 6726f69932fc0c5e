"""Indexes that cost more than they give.

A second index over the same columns doubles the cost of every write; an index over more than
four columns is seldom used as such; a hash index serves equality only.

Instead: drop the duplicate; a narrower btree index.
"""

from holdfast.core.finding import Severity
from holdfast.schema.catalog.objects import Index
from holdfast.schema.effects.model import Cause
from holdfast.schema.names import Name
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (74,)
CAUSES = ("create-index", "create-index.concurrently")
BAD = (
    Example(
        "CREATE INDEX CONCURRENTLY j ON t (a)",
        given="CREATE TABLE t (a int); CREATE INDEX i ON t (a)",
    ),
    Example("CREATE INDEX CONCURRENTLY j ON t (a)", given="CREATE TABLE t (a int PRIMARY KEY)"),
)
GOOD = (
    Example(
        "CREATE INDEX CONCURRENTLY j ON t (a, b)",
        given="CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A duplicate of an index that is there."""
    if cause.relation is None:
        return None
    table = step.relation(cause.relation)
    name = first(cause, "index")
    if table is None:
        return None
    made = step.draft.found(Name(cause.relation.schema, name))
    for index in step.draft.indexes(table):
        if index.name.name != name and alike(index, made):
            return Hit(
                f"{name} is the same as {index.name.name}",
                "",
                Severity.WARNING,
            )
    if first(cause, "method") == "hash" or len(first(cause, "columns").split(", ")) > 4:
        return Hit(f"{name} is a hash index, or a very wide one", "", Severity.NOTICE)
    return None


def alike(one: object, other: object) -> bool:
    """Whether two indexes serve the same statements."""
    if not isinstance(one, Index) or not isinstance(other, Index):
        return False
    if one.predicate or other.predicate or one.expressions != other.expressions:
        return False
    return (
        one.columns == other.columns
        and one.method == other.method
        and (one.unique or not other.unique)
    )
