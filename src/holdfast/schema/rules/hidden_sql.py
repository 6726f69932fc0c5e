"""What EXECUTE builds at run time is in no text.

Its locks and rewrites cannot be predicted. Plain statements of a DO block, and EXECUTE of a
constant, are read like any other.

Instead: plain statements; or run the migration on a clone first (rehearse).
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (69,)
CAUSES = ("dynamic-sql",)
BAD = (Example("DO $$ BEGIN EXECUTE 'DROP TABLE ' || current_user; END $$"),)
GOOD = (
    Example(
        "SELECT f()",
        given="CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM 1; END'",
    ),
    Example("DO $$ BEGIN EXECUTE 'SELECT 1'; END $$"),
    Example("DO $$ BEGIN PERFORM 1; END $$"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """SQL that is unseen."""
    return Hit(
        f"dynamic SQL is not seen: {first(cause, 'text')[:80]}",
        "-- plain statements, or rehearse it on a clone",
        Severity.NOTICE,
    )
