"""Prints SQL (`alembic upgrade head --sql`) or runs it."""

from alembic import context
from sqlalchemy import create_engine

URL = context.config.get_main_option("sqlalchemy.url")

if context.is_offline_mode():
    context.configure(url=URL, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(URL).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
