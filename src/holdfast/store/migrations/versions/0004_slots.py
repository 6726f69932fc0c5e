"""Operations that the schedule started: one for each slot, whoever computes it."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    op.execute("ALTER TABLE holdfast.operation ADD COLUMN slot text")
    op.execute(
        "CREATE UNIQUE INDEX operation_one_a_slot ON holdfast.operation (slot) "
        "WHERE slot IS NOT NULL"
    )
