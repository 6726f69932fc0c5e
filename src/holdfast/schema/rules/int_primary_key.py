"""An int key ends at 2,147,483,647.

The insert after that fails, and the way to bigint is a rewrite of the table and of every table
that refers to it.

Instead: bigint, or a uuid.
"""

from collections.abc import Iterator

from holdfast.core.finding import Severity
from holdfast.schema.catalog.objects import Relation
from holdfast.schema.rule import Example, Hit, Step

ROWS = (21,)
STATEMENTS = ("create_stmt",)
BAD = (
    Example("CREATE TABLE t (id serial PRIMARY KEY)"),
    Example("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)"),
)
GOOD = (
    Example("CREATE TABLE t (id bigserial PRIMARY KEY)"),
    Example("CREATE TABLE t (id bigint PRIMARY KEY)"),
    Example("CREATE TABLE t (code int PRIMARY KEY)"),
)


def of_statement(step: Step) -> Iterator[Hit]:
    """A numbered key of four bytes or less."""
    for key, fact in step.draft.writes.items():
        if not isinstance(fact, Relation) or key in step.world.facts or not fact.is_table:
            continue
        primary = next((c for c in fact.constraints if c.kind == "p"), None)
        if primary is None or len(primary.columns) != 1:
            continue
        column = fact.column(primary.columns[0])
        if column is not None and column.type.name in ("int2", "int4") and column.default:
            yield Hit(
                f"{fact.name.short}.{column.name} is numbered with {column.type}",
                f"{column.name} bigint",
                Severity.NOTICE,
                f"table {fact.name.short}",
            )
