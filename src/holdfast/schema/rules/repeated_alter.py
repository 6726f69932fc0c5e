"""Two rewrites of one table could be one.

Each ALTER TABLE that rewrites or reads the table does it from the start; several subcommands in
one statement share one pass.

Instead: one ALTER TABLE with all subcommands.
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.names import Name
from holdfast.schema.rule import Example, Hit, Step

ROWS = (68,)
BAD = (
    Example(
        "ALTER TABLE orders ALTER COLUMN quantity TYPE bigint; "
        "ALTER TABLE orders ALTER COLUMN status TYPE varchar(9)"
    ),
)
GOOD = (
    Example(
        "ALTER TABLE orders ALTER COLUMN quantity TYPE bigint, ALTER COLUMN status TYPE varchar(9)"
    ),
)


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """A second ALTER TABLE that goes through the whole table."""
    seen: set[Name] = set()
    for step in steps:
        if step.kind != "alter_table_stmt":
            continue
        for cause in step.effects.causes:
            if cause.relation is None or cause.work != "rewrite" or step.is_new(cause.relation):
                continue
            if cause.relation in seen:
                yield (
                    step,
                    Hit(
                        f"{cause.relation.short} is written anew a second time",
                        f"ALTER TABLE {cause.relation.sql} …, …;",
                        Severity.WARNING,
                        f"table {cause.relation.short}",
                    ),
                )
            break
        for cause in step.effects.causes:
            if cause.relation is not None and cause.work == "rewrite":
                seen.add(cause.relation)
