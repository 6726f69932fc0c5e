"""Rows around a restore point: one is committed before it, one after it.

They stand in a table of the platform's own, in the schema `holdfast` of the maintenance database,
in which no application has anything. Rows of earlier verifications are removed after a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.core.change import Json
from holdfast.engines.postgresql.cluster import POSTGRES
from holdfast.engines.postgresql.counts import Connect

_TABLE = """
create schema if not exists holdfast;
create table if not exists holdfast.marker (
    point text not null, side text not null, at timestamptz not null default clock_timestamp(),
    primary key (point, side));
delete from holdfast.marker where at < now() - interval '31 days'
"""
_PLACE = "insert into holdfast.marker (point, side) values (%s, %s) on conflict do nothing"
_APART = "select pg_sleep(0.02)"
"""Times of commits have to differ from the time in between, on a coarse clock too."""


@dataclass(frozen=True, slots=True)
class Markers:
    """`at` is a time between the two commits, `segment` the WAL segment of the second one."""

    at: str
    segment: str

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Markers:
        """The inverse of `to_json`."""
        return cls(**data)


async def before(connect: Connect, point: str) -> None:
    """Commit the row that a copy at the restore point has to hold."""
    async with connect(POSTGRES) as connection:
        for statement in _TABLE.split(";"):
            await connection.execute(statement)
        await connection.execute(_PLACE, [point, "before"])
        await connection.execute(_APART)


async def after(connect: Connect, point: str) -> Markers:
    """Commit the row that it must not hold."""
    async with connect(POSTGRES) as connection:
        cursor = await connection.execute("select clock_timestamp()::text")
        at = (await cursor.fetchone() or ("",))[0]
        await connection.execute(_APART)
        await connection.execute(_PLACE, [point, "after"])
        cursor = await connection.execute("select pg_walfile_name(pg_current_wal_insert_lsn())")
        segment = (await cursor.fetchone() or ("",))[0]
    return Markers(at, segment)


async def held(connect: Connect, point: str) -> tuple[bool, bool]:
    """Whether a copy holds the row before the restore point, and the one after it."""
    async with connect(POSTGRES) as connection:
        cursor = await connection.execute(
            "select side from holdfast.marker where point = %s", [point]
        )
        sides = {row[0] for row in await cursor.fetchall()}
    return "before" in sides, "after" in sides
