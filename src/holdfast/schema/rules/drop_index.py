"""Dropping an index stops reads and writes of its table.

DROP INDEX takes ACCESS EXCLUSIVE on the table. It is quick, but it waits for every running
statement, and everybody else waits behind it.

Instead: DROP INDEX CONCURRENTLY, without a transaction; on a partitioned table under a short
lock_timeout.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (7,)
CAUSES = ("drop-index",)
BAD = (
    Example("DROP INDEX i", given="CREATE TABLE t (a int); CREATE INDEX i ON t (a)"),
    Example("DROP INDEX IF EXISTS i", given="", complete=False),
)
GOOD = (
    Example("DROP INDEX CONCURRENTLY i", given="CREATE TABLE t (a int); CREATE INDEX i ON t (a)"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An index that is dropped under the strongest lock."""
    if cause.facts.get("concurrent"):
        return None
    index = first(cause, "index")
    return lock_hit(step, cause, f"index {index} is dropped", f"DROP INDEX CONCURRENTLY {index};")
