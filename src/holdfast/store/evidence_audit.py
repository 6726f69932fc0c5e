"""The whole ledger in one snapshot, for whoever looks at every leaf. Blocking: run it in a thread.

Not through SQLAlchemy: a million rows are read here, as they stand and whatever was done to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC

import psycopg
from psycopg.rows import tuple_row

from holdfast.core.errors import Transient
from holdfast.evidence.audit import HeadRow, Kept, Row
from holdfast.store.connection import SCHEMA, first_line

_PORTION = 5000
_TREE = f"SELECT log, size, peaks FROM {SCHEMA}.evidence_tree"  # noqa: S608 (a constant)
_HEADS = f"""
    SELECT number, size, at, content, signature FROM {SCHEMA}.evidence_head ORDER BY number
"""  # noqa: S608
_LEAVES = f"""
    SELECT seq, id, kind, database, at, verdict, content, hashes, seal
    FROM {SCHEMA}.evidence_leaf ORDER BY seq
"""  # noqa: S608
_GUARDS = """
    SELECT count(*) FROM pg_trigger
    WHERE tgname = 'only_added' AND tgenabled IN ('O', 'A') AND tgrelid = ANY (%s::regclass[])
"""
_GUARDED = [f"{SCHEMA}.evidence_head", f"{SCHEMA}.evidence_leaf"]


@contextmanager
def snapshot(url: str) -> Iterator[tuple[Kept, Iterator[Row]]]:
    """Tree, heads and leaves as of one moment. Raises `Transient`."""
    try:
        with psycopg.connect(
            url,
            connect_timeout=5,
            application_name="holdfast audit",
            options="-c default_transaction_isolation=repeatable\\ read "
            "-c default_transaction_read_only=on -c timezone=UTC",
        ) as connection:
            yield _kept(connection), _rows(connection)
    except psycopg.OperationalError as error:
        raise Transient(
            f"the control database does not answer: {first_line(error)}",
            subject="control database",
        ) from error


def _kept(connection: psycopg.Connection) -> Kept:
    row = connection.execute(_TREE).fetchone()
    heads = connection.execute(_HEADS)
    guards = connection.execute(_GUARDS, (_GUARDED,)).fetchone()
    log, size, peaks = row or (None, None, None)
    return Kept(
        log=log,
        size=size,
        peaks=None if peaks is None else bytes(peaks),
        heads=[HeadRow(n, s, at, text, bytes(sign)) for n, s, at, text, sign in heads],
        is_guarded=guards is not None and guards[0] == len(_GUARDED),
    )


def _rows(connection: psycopg.Connection) -> Iterator[Row]:
    with connection.cursor("leaves", row_factory=tuple_row) as cursor:
        cursor.itersize = _PORTION
        cursor.execute(_LEAVES)
        for seq, id, kind, database, at, verdict, content, hashes, seal in cursor:
            yield Row(
                seq,
                id,
                kind,
                database,
                at.astimezone(UTC),
                verdict,
                content,
                bytes(hashes),
                bytes(seal),
            )
