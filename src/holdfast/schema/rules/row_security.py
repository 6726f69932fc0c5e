"""Row security without a policy shows nobody anything.

ENABLE ROW LEVEL SECURITY denies every row to everybody but the owner until a policy allows some.
Policies and rules are changed under ACCESS EXCLUSIVE.

Instead: CREATE POLICY first, then ENABLE, in one transaction under a short lock_timeout.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step

ROWS = (58,)
CAUSES = ("row-security", "policy", "drop-policy", "rule", "drop-rule")
BAD = (
    Example("ALTER TABLE orders ENABLE ROW LEVEL SECURITY"),
    Example("CREATE POLICY p ON orders USING (true)"),
)
GOOD = (
    Example(
        "SET lock_timeout = '2s'; CREATE POLICY p ON orders USING (true); "
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY"
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Rows that are hidden, or a lock for a moment."""
    table = cause.relation.short if cause.relation else "…"
    if cause.kind == "row-security" and cause.facts.get("on") and not cause.facts.get("policies"):
        if step.is_new(cause.relation):
            return None
        return Hit(
            f"nobody but the owner sees a row of {table}: it has no policy",
            f"CREATE POLICY … ON {table} USING (…);\n{step.sql.strip()};",
            Severity.ERROR,
        )
    if step.setting("lock_timeout"):
        return None
    found = lock_hit(
        step,
        cause,
        f"policies of {table} change",
        f"SET LOCAL lock_timeout = '2s';\n{step.sql.strip()};",
    )
    return found._replace(severity=Severity.NOTICE) if found is not None else None
