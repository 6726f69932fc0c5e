"""EXCLUDE has no online form.

Its index is built while reads and writes wait, and there is no USING INDEX for it.

Instead: a new table with the constraint, filled in batches; or a window in which the table may
stand still.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (41,)
CAUSES = ("add-exclude",)
BAD = (
    Example(
        "ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&)", given="CREATE TABLE t (r int4range)"
    ),
)
GOOD = (Example("CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&))", given=""),)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """An index that is built at once."""
    return lock_hit(step, cause, f"the index of {first(cause, 'constraint')} is built")
