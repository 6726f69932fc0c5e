"""What Alembic runs: every migration on the connection that `store.schema` hands over."""

from alembic import context

from holdfast.store.connection import SCHEMA
from holdfast.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
