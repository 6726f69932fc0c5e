"""Tiers that a site has made its own."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    op.execute(
        """
        CREATE TABLE holdfast.tier (
            name        text PRIMARY KEY,
            spec        jsonb NOT NULL,
            created_at  timestamptz NOT NULL DEFAULT now(),
            updated_at  timestamptz NOT NULL DEFAULT now()
        )
        """
    )
