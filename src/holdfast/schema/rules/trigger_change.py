"""A trigger is made under a lock that stops writes, and dropped under one that stops reads.

CREATE and ENABLE or DISABLE TRIGGER take SHARE ROW EXCLUSIVE, DROP TRIGGER takes ACCESS
EXCLUSIVE. Quick, but everybody queues behind it. A disabled trigger of a foreign key lets wrong
rows in.

Instead: alone in its transaction, under a short lock_timeout.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (57,)
CAUSES = ("create-trigger", "toggle-trigger", "drop-trigger")
BAD = (
    Example(
        "DROP TRIGGER old ON t",
        given="CREATE TABLE t (a int); "
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; "
        "END'; CREATE TRIGGER old BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    ),
    Example(
        "ALTER TABLE t DISABLE TRIGGER ALL",
        given="CREATE TABLE t (a int); "
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; "
        "END'; CREATE TRIGGER old BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    ),
)
GOOD = (
    Example(
        "SET lock_timeout = '1s'; DROP TRIGGER old ON t",
        given="CREATE TABLE t (a int); "
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; "
        "END'; CREATE TRIGGER old BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A lock on the table, for a moment."""
    if step.setting("lock_timeout") and cause.facts.get("off") != "yes":
        return None
    verb = {"create-trigger": "made", "drop-trigger": "dropped"}.get(cause.kind, "switched")
    name = cause.facts.get("trigger") or first(cause, "name")
    found = lock_hit(
        step,
        cause,
        f"trigger {name} is {verb}",
        f"SET LOCAL lock_timeout = '2s';\n{step.sql.strip()};",
    )
    if found is not None and cause.kind == "create-trigger":
        return found._replace(severity=Severity.NOTICE)
    return found
