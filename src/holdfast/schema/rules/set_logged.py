"""SET LOGGED and SET UNLOGGED write the table anew.

The whole table and its indexes are written under ACCESS EXCLUSIVE; an UNLOGGED table is empty
after a crash, and on every standby.

Instead: make a table what it should be when it is created.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step

ROWS = (50,)
CAUSES = ("set-logged",)
BAD = (Example("ALTER TABLE orders SET UNLOGGED"),)
GOOD = (
    Example("CREATE UNLOGGED TABLE t (a int)"),
    Example("ALTER TABLE orders SET LOGGED"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A change of durability."""
    lost = "; its rows are lost by a crash" if cause.facts.get("wanted") == "u" else ""
    return lock_hit(step, cause, f"durability is changed{lost}")
