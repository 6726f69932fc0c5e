"""A client that writes without pause and keeps a ledger of what was acknowledged."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import psycopg

_EVERY_S = 0.005
_starts = iter(range(10**8, 10**12, 10**7))


class Ledger(threading.Thread):
    """Unique inserts into `ledger`, one at a time, each noted with the time of its answer."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self._dsn, self._next, self._over = dsn, next(_starts), False
        self.acknowledged: list[tuple[float, int]] = []
        self.failed: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        with psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY)")
        self.start()
        self.wait_for_write(time.monotonic())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over = True
        self.join(60)
        assert not self.is_alive(), "a statement never came back"

    def run(self) -> None:
        connection: psycopg.Connection[object] | None = None
        while not self._over:
            try:
                if connection is None:
                    connection = psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None)
                self._next += 1
                connection.execute(f"INSERT INTO ledger VALUES ({self._next})")
                self.acknowledged.append((time.monotonic(), self._next))
                time.sleep(_EVERY_S)
            except psycopg.Error as error:
                self.failed.append((time.monotonic(), str(error)))
                connection = None
                time.sleep(_EVERY_S)
        if connection is not None:
            connection.close()

    def wait_for_write(self, after: float, deadline_s: float = 40) -> None:
        """Until something was acknowledged later than `after`."""
        end = time.monotonic() + deadline_s
        while not self.acknowledged or self.acknowledged[-1][0] <= after:
            if time.monotonic() > end:
                raise TimeoutError(
                    f"no write within {deadline_s} s; last errors {self.failed[-2:]}"
                )
            time.sleep(0.02)

    def lost(self, dsn: str) -> set[int]:
        """What was acknowledged and is not there."""
        with psycopg.connect(dsn, prepare_threshold=None) as connection:
            there = {row[0] for row in connection.execute("SELECT id FROM ledger")}
        return {id for _, id in self.acknowledged} - there
