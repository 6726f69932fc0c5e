"""Bringing the control database to the schema that this release needs."""

from __future__ import annotations

import asyncio
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from holdfast.core.errors import Conflict, Transient
from holdfast.store.connection import SCHEMA, first_line, sqlalchemy_url

_LOCK = 0x686F6C6466617374
"""Advisory lock of migrations: "holdfast" in ASCII, so that no other program takes it."""


async def migrate(url: str) -> None:
    """Create or upgrade the schema at this libpq URI.

    Safe to call from several processes at once: one migrates, the others wait for it. Raises
    `Conflict` when the database was written by a newer release, and `Transient` when it does
    not answer.
    """
    await asyncio.to_thread(_migrate, url)


def _migrate(url: str) -> None:
    engine = sa.create_engine(
        sqlalchemy_url(url), poolclass=sa.NullPool, connect_args={"connect_timeout": 5}
    )
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            command.upgrade(_config(connection), "head")
    except CommandError as error:
        raise Conflict(
            f"the control database was written by another release of holdfast: {error}",
            subject="control database",
            hint="run the release that wrote it, or a newer one",
        ) from error
    except sa.exc.OperationalError as error:
        raise Transient(
            f"the control database does not answer: {first_line(error.orig)}",
            subject="control database",
        ) from error
    finally:
        engine.dispose()


def head() -> str:
    """The revision that this release needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("holdfast.store") / "migrations"))
    config.attributes["connection"] = connection
    return config
