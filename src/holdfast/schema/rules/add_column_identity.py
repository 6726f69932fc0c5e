"""An identity column numbers every row that is there.

Each row gets a number from the new sequence, so the whole table is written anew with all its
indexes under ACCESS EXCLUSIVE.

Instead: add a nullable bigint column, give it a sequence and a default for rows to come, number
old rows in batches.
"""

from holdfast.schema.rule import Example
from holdfast.schema.safe_forms import numbered_column

ROWS = (14,)
CAUSES = ("add-column.identity",)
BAD = (Example("ALTER TABLE orders ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY"),)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN n bigint"),
    Example(
        "CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY",
        transaction=True,
    ),
)

of_cause = numbered_column
