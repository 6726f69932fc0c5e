"""Orders"""

import sqlalchemy as sa
from alembic import op

revision = "1a2b"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("customer", sa.String(200), nullable=False),
        sa.Column("status", sa.Enum("new", "paid", name="status"), server_default="new"),
        sa.Column("placed", sa.DateTime(timezone=True), server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("orders")
    op.execute("DROP TYPE status")
