"""Names and lock modes: the words that the whole room speaks."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
LONGEST = 63
"""Bytes of an identifier that PostgreSQL keeps (NAMEDATALEN - 1)."""


class Name(NamedTuple):
    """A schema and a name inside it, as in the system catalog (not quoted)."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def short(self) -> str:
        """As people say it: without `public`."""
        return self.name if self.schema in ("public", "") else f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """As it stands in a statement."""
        return (
            quoted(self.name)
            if self.schema in ("public", "")
            else (f"{quoted(self.schema)}.{quoted(self.name)}")
        )


def quoted(name: str) -> str:
    """An identifier, quoted where its letters ask for it."""
    return name if PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


class Mode(enum.IntEnum):
    """Table-level lock modes, weakest first; `pg_name` is the spelling of `pg_locks`."""

    NONE = 0
    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def pg_name(self) -> str:
        """`ACCESS_EXCLUSIVE` is `AccessExclusiveLock` there."""
        return PG_NAMES[self]

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE or DELETE wait for it."""
        return self >= Mode.SHARE

    @property
    def blocks_reads(self) -> bool:
        """Whether a plain SELECT waits for it."""
        return self is Mode.ACCESS_EXCLUSIVE


PG_NAMES = {mode: "".join(map(str.title, mode.name.split("_"))) + "Lock" for mode in Mode}
