"""Whether a replica that does not stream moves on, from what Patroni tells of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.engines.postgresql.observe_node import Member

_WORK = frozenset(
    {"creating replica", "initializing new cluster", "running custom bootstrap script", "streaming"}
)
"""States that mean work of which no position tells."""
_DEAD_ENDS = frozenset({"running", "in archive recovery", "start failed", "crashed"})
"""States of a replica that end by themselves only where a position moves."""


@dataclass
class Progress:
    """What was seen of one replica since `moved_at`, on the same clock as every `now`."""

    moved_at: float
    _position: tuple[int, int] | None = None
    _dead_since: float | None = None

    def stuck_s(self, member: Member, now: float) -> float:
        """For how long it has been at a dead end without moving; 0 while it is not at one.

        A start that is tried again is neither work nor an end: `starting` may be a long recovery,
        or the same failure once more.
        """
        if member.state in _WORK or self._has_moved(member):
            self.moved_at, self._dead_since = now, None
        if member.state not in _DEAD_ENDS:
            return 0.0
        if self._dead_since is None:
            self._dead_since = now
        return now - self._dead_since

    def still_s(self, now: float) -> float:
        """For how long nothing has moved, whatever its state."""
        return now - self.moved_at

    def _has_moved(self, member: Member) -> bool:
        if member.wal_position is None and member.replayed_position is None:
            return False
        before = self._position or (-1, -1)
        here = (member.wal_position or 0, member.replayed_position or 0)
        self._position = (max(here[0], before[0]), max(here[1], before[1]))
        return self._position != before
