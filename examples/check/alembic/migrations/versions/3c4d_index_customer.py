"""Index on customer"""

from alembic import op

revision = "3c4d"
down_revision = "1a2b"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "orders_customer", "orders", ["customer"], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("orders_customer", table_name="orders", postgresql_concurrently=True)
