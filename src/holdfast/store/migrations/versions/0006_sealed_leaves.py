"""Leaves are sealed with a key that is not in the database."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    # Older leaves stay without: the heads over them say as much.
    op.execute("ALTER TABLE holdfast.evidence_leaf ADD COLUMN seal bytea NOT NULL DEFAULT ''")
