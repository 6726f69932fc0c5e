"""UNIQUE builds its index under the strongest lock.

Reads and writes wait while the index over the whole table is built.

Instead: CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX.
"""

from holdfast.schema.rule import Example
from holdfast.schema.safe_forms import constraint_by_index

ROWS = (39,)
CAUSES = ("add-unique",)
BAD = (Example("ALTER TABLE customers ADD CONSTRAINT u UNIQUE (email)"),)
GOOD = (
    Example(
        "CREATE UNIQUE INDEX CONCURRENTLY u ON customers (email); "
        "ALTER TABLE customers ADD CONSTRAINT u UNIQUE USING INDEX u"
    ),
)

of_cause = constraint_by_index
