"""VACUUM FULL and CLUSTER write the table anew while nobody may read it.

ACCESS EXCLUSIVE for the whole rewrite, and room for a second copy.

Instead: pg_repack; from 19 on REPACK CONCURRENTLY. Plain VACUUM is enough for most.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step

ROWS = (49,)
CAUSES = ("vacuum-full", "cluster")
BAD = (
    Example("VACUUM FULL orders"),
    Example("CLUSTER orders USING orders_pkey"),
)
GOOD = (Example("VACUUM orders"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A rewrite under the strongest lock."""
    return lock_hit(step, cause, "the table is written anew", "VACUUM (ANALYZE) …;")
