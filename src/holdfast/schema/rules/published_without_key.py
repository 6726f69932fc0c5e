"""UPDATE and DELETE fail on a published table without an identity.

`cannot update table because it does not have a replica identity and publishes updates`: every
writer fails as soon as the primary key is dropped, or a table without one is published.

Instead: REPLICA IDENTITY USING INDEX another unique index first (or FULL).
"""

from holdfast.core.finding import Severity
from holdfast.schema.catalog.objects import Relation
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step

ROWS = (72,)
CAUSES = ("drop-constraint", "drop-column")
BAD = (
    Example(
        "ALTER TABLE t DROP CONSTRAINT t_pkey",
        given="CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t DROP CONSTRAINT t_pkey",
        given="CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t",
    ),
    Example("ALTER TABLE t DROP CONSTRAINT t_pkey", given="CREATE TABLE t (id int PRIMARY KEY)"),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """The identity of a published table."""
    before = step.relation(cause.relation)
    if before is None or not before.published or before.replica_identity not in ("d", "i"):
        return None
    after = step.draft.found(before.name)
    gone = [c for c in before.constraints if c.kind == "p"]
    if not gone or not isinstance(after, Relation) or any(c.kind == "p" for c in after.constraints):
        return None
    return Hit(
        f"UPDATE and DELETE of {before.name.short} fail: it is published and has no identity left",
        f"ALTER TABLE {before.name.sql} REPLICA IDENTITY FULL;\n{step.sql.strip()};",
        Severity.ERROR,
    )
