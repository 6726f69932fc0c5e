"""The table stays, its indexes are built anew.

Another collation or operator class makes every index over the column invalid; they are built
again while reads and writes wait.

Instead: a new column with its own index (expand and contract).
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (26,)
CAUSES = ("alter-type.indexes",)
BAD = (
    Example(
        'ALTER TABLE t ALTER COLUMN a TYPE text COLLATE "C"',
        given="CREATE TABLE t (a text); CREATE INDEX i ON t (a)",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE t ALTER COLUMN a TYPE text",
        given="CREATE TABLE t (a varchar(10)); CREATE INDEX i ON t (a)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Indexes that cannot be kept."""
    return lock_hit(
        step, cause, f"the change of {first(cause, 'column')} builds {first(cause, 'indexes')} anew"
    )
