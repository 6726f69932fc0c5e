"""The include file of a pooler: which host serves each logical database. Pure text."""

from __future__ import annotations

from collections.abc import Iterable

_HEADER = (
    "; Written by the node agent, which points this pooler at the right node.\n"
    "; A change made here by hand is undone within seconds.\n"
    "[databases]\n"
)


def databases_text(databases: Iterable[str], host: str, port: int) -> str:
    """The include file; `host` is an address or the folder of a Unix socket.

    PgBouncer knows no quotes around the name on the left; the configuration only lets names
    pass that need none.
    """
    lines = (f"{name} = host={_quoted(host)} port={port} dbname={name}\n" for name in databases)
    return _HEADER + "".join(lines)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
