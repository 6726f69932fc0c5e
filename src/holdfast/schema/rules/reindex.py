"""REINDEX stops writes, and reads that use the index.

REINDEX takes SHARE on the table and ACCESS EXCLUSIVE on the index for the whole build; even
planning a query has to look at the index and waits.

Instead: REINDEX ... CONCURRENTLY (12 and later), without a transaction.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (9,)
CAUSES = ("reindex",)
BAD = (
    Example("REINDEX TABLE orders"),
    Example("REINDEX INDEX orders_pkey"),
)
GOOD = (Example("REINDEX TABLE CONCURRENTLY orders"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An index that is built anew under a lock."""
    name = cause.facts.get("index") or first(cause, "table")
    safe = (
        f"REINDEX {'INDEX' if cause.facts.get('index') else 'TABLE'} CONCURRENTLY {name};"
        if step.version >= 12
        else "-- on 11: CREATE INDEX CONCURRENTLY a twin, then drop the old index"
    )
    return lock_hit(step, cause, f"{name} is built anew", safe)
