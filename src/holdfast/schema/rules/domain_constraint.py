"""A constraint of a domain reads every table that uses it.

ALTER DOMAIN ... ADD CONSTRAINT and SET NOT NULL take SHARE on all these tables and read them, so
their writers wait.

Instead: ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT, table by table in quiet hours.
"""

from holdfast.schema.effects.model import Cause
from holdfast.schema.impact import lock_hit
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (60,)
CAUSES = ("alter-domain",)
BAD = (
    Example(
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0)",
        given="CREATE DOMAIN d AS int; CREATE TABLE t (x d)",
    ),
    Example("ALTER DOMAIN d SET NOT NULL", given="CREATE DOMAIN d AS int; CREATE TABLE t (x d)"),
)
GOOD = (
    Example(
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
        given="CREATE DOMAIN d AS int; CREATE TABLE t (x d)",
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """The tables of a domain."""
    domain, users = first(cause, "domain"), first(cause, "users", "the tables that use it")
    if cause.relation is None and step.world.complete:
        return None
    safe = (
        f"ALTER DOMAIN {domain} ADD CONSTRAINT c CHECK (…) NOT VALID;\n"
        f"-- later:\nALTER DOMAIN {domain} VALIDATE CONSTRAINT c;"
    )
    return lock_hit(step, cause, f"domain {domain} is checked in {users}", safe)
