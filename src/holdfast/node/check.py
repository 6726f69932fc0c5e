"""Asking members how they are, and noticing at once when one breaks off.

A `Line` is kept open after the first answer: its end is the earliest sign of a crashed or
demoted server, and it costs nothing while nothing happens.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from holdfast.node.view import Check, Health
from holdfast.node.wire import Address, Row, ServerError, Wire

TIMEOUT_S = 1.0
"""A member that takes longer to answer one trivial question is as good as gone."""

QUESTION = """
SELECT pg_is_in_recovery() AS in_recovery,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END AS replayed,
       CASE WHEN NOT pg_is_in_recovery()
            THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline
"""
"""Any role may ask this."""

_DOWN_STATES = ("57P01", "57P02", "57P03", "57P05")
"""Shutting down, crashed, starting up, idle too long: all of them "not now"."""


class Line:
    """One open connection to one member."""

    def __init__(
        self, address: Address, user: str, database: str, on_lost: Callable[[], None]
    ) -> None:
        self._address, self._user, self._database = address, user, database
        self._on_lost = on_lost
        self._wire: Wire | None = None
        self._last: Check | None = None

    @property
    def last(self) -> Check | None:
        """The last answer, None once the connection is gone."""
        return self._last if self._wire is not None and not self._wire.lost else None

    async def check(self, *, fresh: bool = False) -> Check:
        """Ask the member, over a new connection if `fresh`. Never raises for its sake."""
        if fresh:
            self.close()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                self._last = _answer((await self._query())[0])
        except (ServerError, OSError, TimeoutError) as error:
            self.close()
            self._last = None
            return _failure(error)
        return self._last

    async def _query(self) -> list[Row]:
        if self._wire is None or self._wire.lost:
            self._wire = await Wire.connect(
                self._address, self._user, self._database, self._on_lost
            )
        return await self._wire.query(QUESTION)

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None


def _answer(row: Row) -> Check:
    if row["in_recovery"] == "t":
        return Check(Health.REPLICA, replayed=int(row["replayed"] or 0))
    return Check(Health.PRIMARY, timeline=int(row["timeline"] or "0", 16))


def _failure(error: Exception) -> Check:
    """What a failed check says. TLS and login errors say nothing about the member's state."""
    detail = str(error) or type(error).__name__
    if isinstance(error, ServerError):
        down = error.sqlstate in _DOWN_STATES
    else:
        down = not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError)
    return Check(Health.DOWN if down else Health.UNKNOWN, detail=detail)
