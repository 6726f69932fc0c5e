"""Everything that was noted in a drill."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    op.execute(
        """
        CREATE TABLE holdfast.drill_record (
            operation_id  text PRIMARY KEY,
            raw           bytea NOT NULL,
            created_at    timestamptz NOT NULL DEFAULT now()
        )
        """
    )
