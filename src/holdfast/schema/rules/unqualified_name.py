"""A name without its schema is found by search_path.

The same migration may change another table where the setting differs.

Instead: write the schema.
"""

from collections.abc import Iterator

from holdfast.core.finding import Severity
from holdfast.schema.rule import Example, Hit, Step

ROWS = (71,)
STYLE = True
STATEMENTS = ("alter_table_stmt", "create_stmt", "index_stmt")
BAD = (Example("ALTER TABLE orders ADD COLUMN x int"),)
GOOD = (Example("ALTER TABLE public.orders ADD COLUMN x int"),)


def of_statement(step: Step) -> Iterator[Hit]:
    """The table of an ALTER, CREATE or INDEX statement."""
    node = step.node.relation
    if node.relname and not node.schemaname and node.relpersistence != "t":
        yield Hit(
            f"{node.relname} is found by search_path",
            f"public.{node.relname}",
            Severity.NOTICE,
            f"table {node.relname}",
        )
