"""A new reference stops writes of the table that it refers to.

A foreign key adds triggers to the other table too, under SHARE ROW EXCLUSIVE: its writers wait
for this statement, and this statement for them. It holds for CREATE TABLE and ADD COLUMN with
REFERENCES as well.

Instead: a short lock_timeout with retries, as the only work of its transaction.
"""

from holdfast.core.finding import Severity
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step

ROWS = (19, 35)
CAUSES = ("foreign-key.target",)
BAD = (
    Example("CREATE TABLE t (customer_id bigint REFERENCES customers (id))"),
    Example("ALTER TABLE orders ADD COLUMN c bigint REFERENCES customers (id)"),
)
GOOD = (
    Example("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a_id int REFERENCES a (id))"),
    Example(
        "SET lock_timeout = '2s'; CREATE TABLE t (customer_id bigint REFERENCES customers (id))"
    ),
)


def of_cause(step: Step, cause: Cause) -> Hit | None:
    """The referenced table's writers."""
    if step.is_new(cause.relation) or step.setting("lock_timeout"):
        return None
    target = cause.relation.short if cause.relation else "…"
    return Hit(
        f"writers of {target} wait for this foreign key, and it waits for them",
        f"SET LOCAL lock_timeout = '2s';\n{step.sql.strip()};",
        Severity.WARNING if not cause.facts.get("creating") else Severity.NOTICE,
    )
