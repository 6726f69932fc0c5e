"""VALIDATE in the transaction of NOT VALID wins nothing.

The strong lock of ADD CONSTRAINT is held until the commit, so the scan of VALIDATE runs under
it.

Instead: VALIDATE CONSTRAINT in a later transaction, a migration of its own.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.names import Mode
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (42,)
CAUSES = ("validate",)
BAD = (
    Example(
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (quantity > 0) NOT VALID; "
        "ALTER TABLE orders VALIDATE CONSTRAINT c",
        transaction=True,
    ),
)
GOOD = (
    Example(
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (quantity > 0) NOT VALID; "
        "ALTER TABLE orders VALIDATE CONSTRAINT c"
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A scan under a lock that is already held."""
    held = step.held.get(cause.relation, Mode.NONE) if cause.relation else Mode.NONE
    if not held.blocks_writes:
        return None
    stronger = Cause(cause.kind, cause.relation, held, "scan", cause.facts)
    return lock_hit(
        step,
        stronger,
        f"{first(cause, 'constraint')} is validated under a lock of the same transaction",
        f"-- in a migration of its own:\n{step.sql.strip()};",
    )
