"""ALTER TABLE fails while deferred checks of the same transaction are pending.

`cannot ALTER TABLE because it has pending trigger events`: rows were changed under a deferred
constraint in this transaction.

Instead: SET CONSTRAINTS ALL IMMEDIATE before it, or a transaction of its own.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (43,)
CAUSES = ("pending-triggers",)
BAD = (
    Example(
        "INSERT INTO c VALUES (NULL); ALTER TABLE c ADD COLUMN y int",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE c (x int REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
        transaction=True,
    ),
)
GOOD = (
    Example(
        "INSERT INTO c VALUES (NULL); SET CONSTRAINTS ALL IMMEDIATE; "
        "ALTER TABLE c ADD COLUMN y int",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE c (x int REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
        transaction=True,
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """Changes of rows under deferred constraints, then of the table."""
    return Hit(
        f"fails: {first(cause, 'constraint')} still has checks of this transaction pending",
        f"SET CONSTRAINTS ALL IMMEDIATE;\n{step.sql.strip()};",
        Severity.ERROR,
    )
