"""What a restore in place throws away: commits and WAL behind the point it goes back to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.core.change import Json
from holdfast.core.units import show_bytes
from holdfast.recovery.target import Target, is_hit
from holdfast.recovery.wal import Record, lsn, lsn_text


@dataclass(slots=True)
class Tally:
    """Reads the commits and restore points from a backup on, in order, and keeps the sums.

    `reached` is whether the target was come by; `kept` is the last position that stays.
    """

    target: Target
    reached: bool = False
    kept: int = 0
    kept_at: datetime | None = None
    commits: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    end: int = 0
    own: set[int] = field(default_factory=set)

    def add(self, found: Iterable[Record]) -> None:
        """Take some more records."""
        for record in found:
            self.end = max(self.end, record.position)
            if record.kind == "own":
                self.own.add(record.xid)
            elif self._is_beyond(record):
                self._lose(record)
            else:
                self._keep(record)

    def _is_beyond(self, record: Record) -> bool:
        target = self.target
        if target.kind == "time":
            # PostgreSQL stops before the first commit that is younger.
            self.reached = self.reached or (record.at is not None and record.at > target.at)
        elif target.kind == "lsn":
            self.reached = self.reached or record.position > lsn(target.value)
        return self.reached

    def _keep(self, record: Record) -> None:
        self.kept = record.position
        if record.at is not None:
            self.kept_at = record.at
        self.reached = self.reached or is_hit(self.target, record)

    def _lose(self, record: Record) -> None:
        if record.kind != "commit" or record.xid in self.own:
            return
        self.commits += 1
        self.first_at = self.first_at or record.at
        self.last_at = record.at or self.last_at

    def to_json(self) -> dict[str, Json]:
        """Plain JSON; times are those of commits."""
        return {
            "reached": self.reached or self.target.kind == "latest",
            "kept_lsn": lsn_text(self.kept) if self.kept else None,
            "kept_last_commit": _text(self.kept_at),
            "lost_commits": self.commits,
            "lost_from": _text(self.first_at),
            "lost_to": _text(self.last_at),
            "lost_wal_bytes": max(0, self.end - self.kept) if self.commits else 0,
            "end_lsn": lsn_text(self.end) if self.end else None,
        }


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def sentence(loss: dict[str, Json]) -> str:
    """What is lost, as a person reads it."""
    if not loss["lost_commits"]:
        return "no committed transaction is lost"
    return (
        f"{loss['lost_commits']} committed transactions are lost, from {loss['lost_from']} to "
        f"{loss['lost_to']} ({show_bytes(loss['lost_wal_bytes'])} of WAL)"
    )
