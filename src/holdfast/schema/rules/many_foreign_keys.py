"""Several foreign keys in one transaction hold many tables at once.

Each one keeps the writers of two tables waiting until the commit, and the more tables are held,
the sooner two transactions wait for each other.

Instead: one foreign key a transaction.
"""

from collections.abc import Iterator, Sequence

from holdfast.schema.names import Name
from holdfast.schema.rule import Example, Hit, Step

ROWS = (36,)
BAD = (
    Example(
        "ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES t (id) NOT VALID; "
        "ALTER TABLE b ADD FOREIGN KEY (x) REFERENCES u (id) NOT VALID",
        transaction=True,
        given="CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); "
        "CREATE TABLE a (x int); CREATE TABLE b (x int)",
    ),
)
GOOD = (
    Example(
        "ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES t (id) NOT VALID; "
        "ALTER TABLE b ADD FOREIGN KEY (x) REFERENCES t (id) NOT VALID",
        given="CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE a (x int); CREATE TABLE b (x int)",
    ),
)


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """The second foreign key to another table in one transaction."""
    targets: dict[int, set[Name]] = {}
    for step in steps:
        for cause in step.effects.causes:
            if cause.kind == "foreign-key.target" and not step.is_new(cause.relation):
                seen = targets.setdefault(step.transaction, set())
                if cause.relation is not None and seen and cause.relation not in seen:
                    yield (
                        step,
                        Hit(
                            f"writers of {len(seen) + 1} referenced tables wait until this commits",
                            "-- in a transaction of its own:\n" + step.sql.strip() + ";",
                        ),
                    )
                if cause.relation is not None:
                    seen.add(cause.relation)
