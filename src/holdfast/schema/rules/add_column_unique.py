"""UNIQUE or PRIMARY KEY on a new column builds an index under the strongest lock.

The index over the whole table is built while reads and writes wait.

Instead: add the column, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX.
"""

from holdfast.schema.rule import Example
from holdfast.schema.safe_forms import constraint_by_index

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

of_cause = constraint_by_index
