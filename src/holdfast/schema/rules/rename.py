"""A rename breaks every statement that says the old name.

It is quick for the server, and at once for everybody: until the last instance of the application
says the new name, one of the two fails.

Instead: a view under the old name, or a new column that is written together with the old one
until nobody reads that (expand and contract).
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.migration import Direction
from holdfast.schema.names import Name
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (44,)
BAD = (
    Example("ALTER TABLE orders RENAME TO purchases"),
    Example("ALTER TABLE orders RENAME COLUMN note TO remark"),
)
GOOD = (
    Example("CREATE TABLE t (a int); ALTER TABLE t RENAME COLUMN a TO b", transaction=True),
    Example(
        "ALTER TABLE orders RENAME TO purchases; CREATE VIEW orders AS SELECT * FROM purchases",
        transaction=True,
    ),
)

KINDS = ("rename-table", "rename-column")


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """Names that are gone when the migration's transaction ends."""
    for step in steps:
        for cause in step.effects.causes:
            if cause.kind not in KINDS or cause.relation is None:
                continue
            if step.is_new(cause.relation) or step.was_new(cause.relation):
                continue
            old, new = first(cause, "old"), first(cause, "new")
            if cause.kind == "rename-table" and _stands_in(steps, step, cause.relation):
                continue
            table = cause.relation.sql
            if cause.kind == "rename-table":
                message = f"statements that name {old} fail"
                safe = (
                    f"BEGIN;\nALTER TABLE {table} RENAME TO {new};\n"
                    f"CREATE VIEW {table} AS SELECT * FROM {new};\nCOMMIT;"
                )
            else:
                message = f"statements that name {table}.{old} fail"
                safe = (
                    f"ALTER TABLE {table} ADD COLUMN {new} …;\n"
                    f"-- write both, fill old rows in batches, read {new}, then drop {old}"
                )
            yield step, Hit(message, safe, _how(step), f"table {cause.relation.short}")


def _how(step: Step) -> Severity:
    return Severity.NOTICE if step.direction is Direction.DOWN else Severity.ERROR


def _stands_in(steps: Sequence[Step], step: Step, name: Name) -> bool:
    """Whether a view or another table takes the old name in the same transaction."""
    return any(
        other.transaction == step.transaction
        and other.index > step.index
        and other.draft.found(name) is not None
        for other in steps
    )
