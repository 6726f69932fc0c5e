"""IF NOT EXISTS keeps an invalid index.

A CREATE INDEX CONCURRENTLY that fails leaves an INVALID index behind, which costs writes and
serves nobody. The next run finds the name taken, says nothing, and the migration counts as done.

Instead: drop the index if it is invalid, then create it without IF NOT EXISTS; or check
indisvalid afterwards.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (5,)
CAUSES = ("index.if-not-exists", "index.kept-invalid")
BAD = (
    Example(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (status)", given="", complete=False
    ),
)
GOOD = (
    Example("DROP INDEX CONCURRENTLY IF EXISTS i; CREATE INDEX CONCURRENTLY i ON orders (status)"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A name that may be taken by an invalid index."""
    if cause.kind == "index.if-not-exists" and not cause.facts.get("concurrent"):
        return None
    index = first(cause, "index")
    return Hit(
        f"if an earlier attempt failed, {index} stays there INVALID and this does nothing",
        "DROP INDEX CONCURRENTLY IF EXISTS "
        f"{index};\n{step.sql.strip().replace('IF NOT EXISTS ', '')};",
        Severity.ERROR if cause.kind == "index.kept-invalid" else Severity.WARNING,
    )
