"""A CHECK reads the whole table under the strongest lock.

ADD CONSTRAINT ... CHECK looks at every row while reads and writes wait.

Instead: NOT VALID, then VALIDATE CONSTRAINT in a later transaction: that one lets writers go on.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (32,)
CAUSES = ("add-check",)
BAD = (Example("ALTER TABLE orders ADD CONSTRAINT c CHECK (quantity > 0)"),)
GOOD = (
    Example("ALTER TABLE orders ADD CONSTRAINT c CHECK (quantity > 0) NOT VALID"),
    Example("CREATE TABLE t (a int); ALTER TABLE t ADD CHECK (a > 0)", transaction=True),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A CHECK that is verified at once."""
    if not cause.work:
        return None
    name, table = first(cause, "constraint"), cause.relation.sql if cause.relation else "…"
    return lock_hit(
        step,
        cause,
        f"every row is checked for {name}",
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK "
        f"({first(cause, 'expression')}) NOT VALID;\n"
        f"-- in a later transaction:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};",
    )
