"""Work that follows a strong lock makes everybody wait for it too.

A lock is held until the commit: a scan, a build or a change of other rows in the same
transaction keeps the first table blocked for all of it.

Instead: the strong lock last, or in a transaction of its own.
"""

from collections.abc import Iterator

from holdfast.schema.names import Mode
from holdfast.schema.rule import Example, Hit, Step

ROWS = (62,)
STATEMENTS = ("*",)
BAD = (
    Example(
        "ALTER TABLE orders ADD COLUMN x int; CREATE INDEX i ON customers (name)", transaction=True
    ),
)
GOOD = (
    Example("ALTER TABLE orders ADD COLUMN x int; CREATE INDEX i ON customers (name)"),
    Example(
        "ALTER TABLE orders ADD COLUMN x int; ALTER TABLE customers ADD COLUMN y int",
        transaction=True,
    ),
)


def of_statement(step: Step) -> Iterator[Hit]:
    """Long work of a statement while locks of earlier ones are held."""
    held = [name for name, mode in step.held.items() if mode is Mode.ACCESS_EXCLUSIVE]
    work = next((c for c in step.effects.causes if c.work and not step.is_new(c.relation)), None)
    if not held or work is None or work.relation in held:
        return
    names = ", ".join(name.short for name in held[:3])
    yield Hit(
        f"{names} stays locked while this {work.work} of "
        f"{work.relation.short if work.relation else 'a table'} runs",
        f"-- in a transaction of its own:\n{step.sql.strip()};",
    )
