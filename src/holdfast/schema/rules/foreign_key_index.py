"""A foreign key whose columns no index covers makes deletes slow.

Every DELETE and every UPDATE of a key in the referenced table reads the referencing one whole.
Columns of differing types cannot use an index well either.

Instead: an index over the referencing columns, and the same type on both sides.
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.catalog.objects import Relation
from holdfast.schema.effects.model import Cause
from holdfast.schema.rule import Example, Hit, Step, first

ROWS = (38,)
BAD = (
    Example("CREATE TABLE t (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers (id))"),
    Example(
        "CREATE TABLE t (customer_id int REFERENCES customers (id)); "
        "CREATE INDEX ON t (customer_id)"
    ),
)
GOOD = (
    Example(
        "CREATE TABLE t (customer_id bigint REFERENCES customers (id)); "
        "CREATE INDEX ON t (customer_id)"
    ),
    Example(
        "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES "
        "customers (id) NOT VALID; CREATE INDEX CONCURRENTLY ON orders (customer_id)"
    ),
)


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """Foreign keys of this migration, as the migration leaves their tables."""
    for step in steps:
        for cause in step.effects.causes:
            if cause.kind != "add-foreign-key" or cause.relation is None:
                continue
            table = steps[-1].draft.found(cause.relation)
            if isinstance(table, Relation) and table.known:
                yield from ((step, hit) for hit in _hits(steps[-1], table, cause))


def _hits(last: Step, table: Relation, cause: Cause) -> Iterator[Hit]:
    found = table.constraint(first(cause, "constraint"))
    if found is None:
        return
    width = len(found.columns)
    covered = any(
        set(index.columns[:width]) == set(found.columns) for index in last.draft.indexes(table)
    )
    if not covered:
        columns = ", ".join(found.columns)
        yield Hit(
            f"no index covers {table.name.short} ({columns}), which foreign key {found.name} needs",
            f"CREATE INDEX CONCURRENTLY ON {table.name.sql} ({columns});",
            Severity.NOTICE,
            f"table {table.name.short}",
        )
    target = last.draft.found(found.target) if found.target else None
    for mine, its in zip(found.columns, found.target_columns, strict=False):
        one = table.column(mine)
        other = target.column(its) if isinstance(target, Relation) else None
        if one and other and one.type.name and other.type.name != one.type.name:
            yield Hit(
                f"{mine} is {one.type.name}, but {its} that it refers to is {other.type.name}",
                f"{mine} {other.type.name}",
                Severity.WARNING,
                f"table {table.name.short}",
            )
