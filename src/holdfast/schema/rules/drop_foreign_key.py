"""Dropping a foreign key locks the other table too, with the strongest lock.

Its triggers on the referenced table go under ACCESS EXCLUSIVE: reads of that table wait as well,
for DROP CONSTRAINT and for DROP TABLE of the child.

Instead: alone in its transaction, under a short lock_timeout with retries.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (37,)
CAUSES = ("drop-foreign-key",)
BAD = (
    Example(
        "ALTER TABLE child DROP CONSTRAINT f",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE child (x int, CONSTRAINT f FOREIGN KEY (x) REFERENCES t (id))",
    ),
    Example(
        "DROP TABLE child",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE child (x int, CONSTRAINT f FOREIGN KEY (x) REFERENCES t (id))",
    ),
)
GOOD = (
    Example(
        "SET lock_timeout = '2s'; ALTER TABLE child DROP CONSTRAINT f",
        given="CREATE TABLE t (id int PRIMARY KEY); "
        "CREATE TABLE child (x int, CONSTRAINT f FOREIGN KEY (x) REFERENCES t (id))",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """The referenced table's readers."""
    if step.setting("lock_timeout"):
        return None
    return lock_hit(
        step,
        cause,
        f"foreign key {first(cause, 'constraint')} of {first(cause, 'source')} is dropped",
        f"SET LOCAL lock_timeout = '2s';\n{step.sql.strip()};",
    )
