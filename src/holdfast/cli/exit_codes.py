"""The one table from how a command ends to its exit code."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
REFUSED = 3
CONFLICT = 4
TIMED_OUT = 5
FORBIDDEN = 6
NOT_FOUND = 7
HAS_CHANGES = 10
INTERRUPTED = 130

_OF_ERROR = {
    "invalid": USAGE,
    "refused": REFUSED,
    "conflict": CONFLICT,
    "stale-plan": CONFLICT,
    "timed-out": TIMED_OUT,
    "forbidden": FORBIDDEN,
    "not-found": NOT_FOUND,
}


def of_error(code: str) -> int:
    """The exit code of an error's code; 1 for everything that has no number of its own."""
    return _OF_ERROR.get(code, FAILED)
