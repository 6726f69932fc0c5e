"""Every order has a status and a region"""

import sqlalchemy as sa
from alembic import op

revision = "5e6f"
down_revision = "3c4d"


def upgrade() -> None:
    op.execute("UPDATE orders SET status = 'new' WHERE status IS NULL")
    with op.batch_alter_table("orders") as batch:
        batch.alter_column("status", nullable=False)
        batch.add_column(sa.Column("region", sa.Text(), server_default="eu", nullable=False))
    op.create_check_constraint("region_given", "orders", "region <> ''")


def downgrade() -> None:
    op.drop_constraint("region_given", "orders")
    op.drop_column("orders", "region")
    op.alter_column("orders", "status", nullable=True)
