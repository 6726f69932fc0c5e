"""Types that are seldom what is meant.

char(n) pads with blanks; varchar(n) puts a rule into the type that a CHECK could hold and change
cheaply; timestamp forgets the time zone; money depends on a setting.

Instead: text with a CHECK, timestamptz, numeric.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (22,)
STYLE = True
CAUSES = ("column",)
BAD = (
    Example("CREATE TABLE t (a char(3))"),
    Example("CREATE TABLE t (a varchar(30))"),
    Example("CREATE TABLE t (a timestamp)"),
)
GOOD = (Example("CREATE TABLE t (a text, b timestamptz)"),)

BETTER = {"bpchar": "text", "varchar(": "text", "timestamp": "timestamptz", "money": "numeric"}


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A column of such a type."""
    kind = first(cause, "type")
    better = next((new for old, new in BETTER.items() if kind.startswith(old)), "")
    if kind.startswith("timestamptz"):
        return None
    if not better:
        return None
    column = first(cause, "column")
    return Hit(f"column {column} is {kind}", f"{column} {better}", Severity.NOTICE)
