"""Without lock_timeout a waiting ALTER stops everybody behind it.

While it waits for one long SELECT, every new statement on the table queues behind it: a trivial
SELECT was measured to wait 2.6 s.

Instead: SET LOCAL lock_timeout to a second or two, and run the migration again when it fails.
"""

from collections.abc import Iterator, Sequence

from holdfast.core.finding import Severity
from holdfast.schema.names import Mode
from holdfast.schema.rule import Example, Hit, Step

ROWS = (64,)
BAD = (Example("ALTER TABLE orders ADD COLUMN x int"),)
GOOD = (
    Example("SET lock_timeout = '2s'; ALTER TABLE orders ADD COLUMN x int"),
    Example("CREATE INDEX CONCURRENTLY i ON orders (status)"),
    Example("CREATE TABLE t (a int)"),
)


def of_migration(steps: Sequence[Step]) -> Iterator[tuple[Step, Hit]]:
    """The first statement of a migration that others can queue behind."""
    for step in steps:
        if step.setting("lock_timeout") not in (None, "", "0"):
            continue
        mode = max(step.draft.locks.values(), default=Mode.NONE)
        names = [n for n, m in step.draft.locks.items() if m is mode and not step.is_new(n)]
        if mode.blocks_writes and names and "CONCURRENTLY" not in step.sql.upper():
            yield (
                step,
                Hit(
                    f"waits for {names[0].short} without limit, and everybody else behind it",
                    f"SET {'LOCAL ' if step.in_transaction else ''}lock_timeout = "
                    f"'2s';\n{step.sql.strip()};",
                    Severity.NOTICE,
                    f"table {names[0].short}",
                ),
            )
            return
