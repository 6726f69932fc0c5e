"""What a real server does with a statement: locks, rewrites, builds, scans, errors."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

import psycopg

STRENGTH = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
]
OUTSIDE = re.compile(
    r"\b(INDEX|DETACH\s+PARTITION\s+\S+|TABLE|SCHEMA|DATABASE)\s+CONCURRENTLY\b"
    r"|\bREINDEX\s*\(.*CONCURRENTLY|^\s*(VACUUM|CREATE DATABASE|ALTER SYSTEM|CLUSTER\s*$)"
    r"|^\s*REINDEX\s+(\(.*\)\s*)?(TABLE|INDEX|SCHEMA|DATABASE)?\s*CONCURRENTLY",
    re.IGNORECASE,
)
RELATIONS = """
SELECT c.oid, n.nspname || '.' || c.relname, c.relkind, pg_relation_filenode(c.oid),
       pg_stat_get_xact_numscans(c.oid), i.indrelid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
  AND n.nspname NOT LIKE 'pg_%temp%' AND c.relkind NOT IN ('c', 't')
"""
LOCKS = """
SELECT relation, mode FROM pg_locks
WHERE pid = %s AND locktype = 'relation'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
DEADLINE_S = 20.0


@dataclass
class Observed:
    """By name, of relations that were there before the statement (before its transaction)."""

    locks: dict[str, str] = field(default_factory=dict)
    rewrites: set[str] = field(default_factory=set)
    builds: set[str] = field(default_factory=set)
    scans: set[str] = field(default_factory=set)
    error: str = ""
    tables: set[str] = field(default_factory=set)


@dataclass
class Snapshot:
    """pg_class before: names, kinds, files and scans by oid."""

    rows: dict[int, tuple[str, str, int | None, int, int | None]]

    @classmethod
    def of(cls, connection: psycopg.Connection) -> Snapshot:
        return cls({row[0]: row[1:] for row in connection.execute(RELATIONS).fetchall()})


def stronger(locks: dict[str, str], name: str, mode: str) -> None:
    if mode in STRENGTH and (
        name not in locks or STRENGTH.index(mode) > STRENGTH.index(locks[name])
    ):
        locks[name] = mode


def difference(start: Snapshot, before: Snapshot, after: Snapshot, observed: Observed) -> None:
    """Rewrites, builds and scans between two looks, of what was there at the start."""
    files = {row[2] for row in before.rows.values()}
    for oid, (name, kind, file, scans, table) in after.rows.items():
        old = before.rows.get(oid)
        if kind == "i" and file not in files and table in start.rows:
            observed.builds.add(name)
        if old is None or oid not in start.rows:
            continue
        if kind in "rm" and file != old[2]:
            observed.rewrites.add(old[0])
        if kind in "rm" and scans > old[3]:
            observed.scans.add(old[0])


def inside(
    connection: psycopg.Connection, statements: tuple[str, ...], *, keep: bool
) -> list[Observed]:
    """Each statement in turn, in one transaction; rolled back unless `keep`."""
    found: list[Observed] = []
    connection.execute("BEGIN")
    start = Snapshot.of(connection)
    pid = connection.info.backend_pid
    try:
        before = start
        for statement in statements:
            observed = Observed()
            found.append(observed)
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                observed.error = error.sqlstate or "?"
                break
            for oid, mode in connection.execute(LOCKS, (pid,)).fetchall():
                if oid in start.rows:
                    stronger(observed.locks, start.rows[oid][0], mode)
            after = Snapshot.of(connection)
            difference(start, before, after, observed)
            before = after
    finally:
        connection.execute("COMMIT" if keep and not found[-1].error else "ROLLBACK")
    return found


def outside(dsn: str, statement: str, prepare: tuple[str, ...] = ()) -> Observed:
    """One statement that takes no transaction block, watched from a second session.

    A third and a fourth hold the locks of a VACUUM, then of writers, then of readers, so that it
    has to wait and can be looked at; what it waits for counts as taken.
    """
    observed = Observed()
    with (
        psycopg.connect(dsn, autocommit=True) as worker,
        psycopg.connect(dsn, autocommit=True) as watcher,
        psycopg.connect(dsn, autocommit=True) as blocker,
        psycopg.connect(dsn, autocommit=True) as second,
    ):
        for sql in prepare:
            worker.execute(sql)
        before = Snapshot.of(watcher)
        tables = [name for name, kind, *_ in before.rows.values() if kind in "rpm"]
        observed.tables.update(tables)
        _hold(blocker, tables, "SHARE UPDATE EXCLUSIVE")
        worker.pgconn.send_query(statement.encode())
        watch = _Watch(worker, watcher, before, observed)
        watch.until_waiting()
        holding, free = blocker, second
        for mode in ("ROW EXCLUSIVE", "ACCESS SHARE"):
            if not watch.done:
                _hold(free, tables, mode)
            holding.execute("ROLLBACK")
            watch.until_waiting()
            holding, free = free, holding
        holding.execute("ROLLBACK")
        watch.until_waiting(finish=True)
        difference(before, before, Snapshot.of(watcher), observed)
        observed.scans.clear()  # counted when the session says so, not when it has scanned
    return observed


def _hold(connection: psycopg.Connection, tables: list[str], mode: str) -> None:
    connection.execute("BEGIN")
    connection.execute("SET LOCAL lock_timeout = '200ms'")
    for table in tables:
        connection.execute("SAVEPOINT s")
        try:
            connection.execute(f"LOCK TABLE ONLY {table} IN {mode} MODE")
        except psycopg.Error:
            connection.execute("ROLLBACK TO s")


@dataclass
class _Watch:
    worker: psycopg.Connection
    watcher: psycopg.Connection
    before: Snapshot
    observed: Observed
    done: bool = False

    def until_waiting(self, *, finish: bool = False) -> None:
        """Note its locks until it waits for somebody, or is done."""
        deadline = time.monotonic() + DEADLINE_S
        pid = self.worker.info.backend_pid
        while not self.done and time.monotonic() < deadline:
            self._look(pid)
            self._consume()
            waiting = self.watcher.execute(
                "SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,)
            ).fetchone()
            if not finish and waiting is not None and waiting[0]:
                self._look(pid)
                return
        assert self.done or not finish, "the statement did not end"

    def _look(self, pid: int) -> None:
        for oid, mode in self.watcher.execute(LOCKS, (pid,)).fetchall():
            if oid in self.before.rows:
                stronger(self.observed.locks, self.before.rows[oid][0], mode)

    def _consume(self) -> None:
        pgconn = self.worker.pgconn
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                self.done = True
                return
            if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
                field_ = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
                self.observed.error = (field_ or b"?").decode()
