"""A migration that changes privileges or owners.

Who may do what belongs to access management, with a review and a record; a migration runs
unseen, with the rights of its owner.

Instead: grants through roles that are managed in one place.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (73,)
STYLE = True
CAUSES = ("privilege", "change-owner")
BAD = (
    Example("GRANT ALL ON orders TO public"),
    Example("ALTER TABLE orders OWNER TO pg_monitor"),
)
GOOD = (Example("ALTER TABLE orders ADD COLUMN x int"),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A privilege or an owner."""
    what = first(cause, "what", "the owner")
    return Hit(f"{what} is changed by a migration", "-- in the role templates", Severity.NOTICE)
