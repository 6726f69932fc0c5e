"""Opening the control database, and what its outages look like to everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from holdfast.core.errors import Transient

SCHEMA = "holdfast"
APPENDED = "holdfast-appended"
"""Set among a connection's notes by whoever appends to the ledger."""
SEAL = "holdfast-seal"
"""Among a connection's notes: what seals a leaf's hash."""

Seal: TypeAlias = Callable[[bytes], bytes]


def no_seal(_leaf_hash: bytes) -> bytes:
    """For whoever only reads, and for tests."""
    return b""


def sqlalchemy_url(url: str) -> sa.URL:
    """A libpq URI (`postgresql://...`) as SQLAlchemy's URL for psycopg."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


class Store:
    """A pool of connections to the control database at `url`, a libpq URI.

    `begin` is the only way in: one transaction, committed at its end. A lost or refused
    connection surfaces as `Transient`, so that callers wait for the database to come back
    instead of failing an operation. `appended` is set when a transaction that added evidence has
    been committed. `seal` marks leaves as written here: its key is not in the database.
    """

    def __init__(self, url: str, *, pool_size: int = 4, seal: Seal = no_seal) -> None:
        self.url = url
        self.seal = seal
        self.appended = asyncio.Event()
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=4,
            pool_timeout=10,
            connect_args={
                "connect_timeout": 5,
                "application_name": "holdfast",
                # A control plane that froze inside a transaction must not hold its locks for ever.
                "options": "-c idle_in_transaction_session_timeout=60s -c timezone=UTC",
            },
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction. Raises `Transient` when the database cannot be reached."""
        try:
            async with self.engine.begin() as connection:
                connection.info.pop(APPENDED, None)
                connection.info[SEAL] = self.seal
                yield connection
                appended = connection.info.pop(APPENDED, False)
            if appended:
                self.appended.set()
        except PoolTimeout as error:
            raise Transient("every connection to the control database is busy") from error
        except DBAPIError as error:
            if _is_outage(error):
                raise Transient(
                    f"the control database does not answer: {first_line(error.orig)}",
                    subject="control database",
                ) from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


_OUTAGE_STATES = ("08", "57P")
"""SQLSTATE classes of a lost connection and of a server that starts or stops."""


def _is_outage(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # psycopg has no SQLSTATE where no server answered.
        return type(error.orig).__name__ == "OperationalError"
    return str(state).startswith(_OUTAGE_STATES)


def first_line(error: BaseException | None) -> str:
    """The first line of a driver's message, which names the cause."""
    return str(error).strip().partition("\n")[0]
