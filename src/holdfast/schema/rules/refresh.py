"""REFRESH stops readers of the materialised view.

Without CONCURRENTLY nobody reads the view until it is filled. With it, readers go on, but a
unique index over plain columns is needed.

Instead: CREATE UNIQUE INDEX once, then REFRESH ... CONCURRENTLY.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step

ROWS = (52,)
CAUSES = ("refresh", "refresh.no-unique-index")
BAD = (
    Example(
        "REFRESH MATERIALIZED VIEW m",
        given="CREATE TABLE t (id int); CREATE MATERIALIZED VIEW m AS SELECT id FROM t; "
        "CREATE UNIQUE INDEX u ON m (id)",
    ),
    Example(
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
        given="CREATE TABLE t (id int); CREATE MATERIALIZED VIEW m AS SELECT id FROM t",
    ),
)
GOOD = (
    Example(
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
        given="CREATE TABLE t (id int); CREATE MATERIALIZED VIEW m AS SELECT id FROM t; "
        "CREATE UNIQUE INDEX u ON m (id)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Readers of the view."""
    view = cause.relation.sql if cause.relation else "…"
    if cause.kind == "refresh.no-unique-index":
        return Hit(
            f"fails: {view} has no unique index over plain columns",
            f"CREATE UNIQUE INDEX ON {view} (…);",
            Severity.ERROR,
        )
    return lock_hit(
        step, cause, "it is filled anew", f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view};"
    )
