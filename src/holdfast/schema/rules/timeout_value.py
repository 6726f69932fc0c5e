"""A timeout of 0 is none, and one that is SET stays in the session.

lock_timeout = 0 or of minutes lets the queue grow as if there were none. SET outside of a
transaction, or without LOCAL, stays with a pooled connection for whoever gets it next.
lock_timeout also kills CREATE INDEX CONCURRENTLY while it waits for old snapshots, and leaves an
INVALID index.

Instead: SET LOCAL, a second or two for lock_timeout; none for CONCURRENTLY.
"""

import re
from collections.abc import Iterator

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (65,)
CAUSES = ("set",)
STATEMENTS = ("index_stmt",)
BAD = (
    Example("SET lock_timeout = 0"),
    Example("SET lock_timeout = '10min'"),
    Example("SET lock_timeout = '2s'; CREATE INDEX CONCURRENTLY i ON orders (status)"),
    Example("SET statement_timeout = '5s'; ALTER TABLE orders ADD COLUMN x int", transaction=True),
)
GOOD = (Example("SET LOCAL lock_timeout = '2s'", transaction=True),)

TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
LONGEST_S = 60.0
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A value that does not do what it should."""
    name, value = first(cause, "name"), cause.facts.get("value", "")
    if name == "lock_timeout":
        seconds = seconds_of(value)
        if seconds is not None and (seconds == 0 or seconds > LONGEST_S):
            return Hit(
                f"lock_timeout = {value} lets everybody queue", "SET LOCAL lock_timeout = '2s';"
            )
    if name in TIMEOUTS and not cause.facts.get("local") and step.in_transaction:
        return Hit(
            f"{name} stays set in this session after the migration",
            f"SET LOCAL {name} = '{value}';",
            Severity.NOTICE,
        )
    return None


def of_statement(step: Step) -> Iterator[Hit]:
    """CREATE INDEX CONCURRENTLY under a lock_timeout."""
    value = step.setting("lock_timeout")
    if step.kind == "index_stmt" and step.node.concurrent and value not in (None, "", "0"):
        yield Hit(
            f"lock_timeout = {value} may end the build half way and leave an INVALID index",
            f"SET lock_timeout = 0;\n{step.sql.strip()};",
        )


def seconds_of(value: str) -> float | None:
    """A setting's value in seconds; milliseconds without a unit."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*", value)
    return float(found[1]) * UNITS[found[2] or "ms"] if found else None
