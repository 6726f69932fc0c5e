"""A new enum value cannot be used in the transaction that adds it.

`unsafe use of new value`: the statement that uses it fails. Before 12 ADD VALUE is refused in
any transaction. An enum value can never be dropped again.

Instead: ADD VALUE in a migration of its own, use it in the next one.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (59,)
CAUSES = ("enum.fresh-used",)
BAD = (
    Example(
        "ALTER TYPE mood ADD VALUE 'ok'; INSERT INTO t VALUES ('ok')",
        given="CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood)",
        transaction=True,
    ),
)
GOOD = (
    Example(
        "ALTER TYPE mood ADD VALUE 'ok'; INSERT INTO t VALUES ('ok')",
        given="CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """A value that nobody may use yet."""
    value = first(cause, "value")
    return Hit(
        f"fails: value {value} of {first(cause, 'type')} is added by the same transaction",
        f"-- in a later migration:\n{step.sql.strip()};",
        Severity.ERROR,
    )
