"""Errors that carry data instead of sentences to be parsed.

A message is lower case, names the object and the value seen; a hint is one imperative sentence.
The command line and the API each hold one table from `code` to exit code or HTTP status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from holdfast.core.finding import Finding


class Error(Exception):
    """Anything that Holdfast reports on purpose.

    `subject` names the object the error is about (`database orders`, `port 5432`), `hint` says
    in one imperative sentence what to do next.
    """

    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.hint = hint


class Invalid(Error):
    """The input was read and is wrong; every mistake is in `findings`."""

    code = "invalid"

    def __init__(self, message: str, findings: Sequence[Finding] = (), *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)


class NotFound(Error):
    """The named object does not exist."""

    code = "not-found"


class Conflict(Error):
    """Somebody else holds the object, or it is not in the state that was expected."""

    code = "conflict"


class StalePlan(Conflict):
    """The world moved between plan and apply."""

    code = "stale-plan"


class Refused(Error):
    """A policy, a tier or a safety rule says no."""

    code = "refused"


class Forbidden(Error):
    """The caller may not do this."""

    code = "forbidden"


class TimedOut(Error):
    """A deadline passed; what was awaited stands in the message."""

    code = "timed-out"


class Cancelled(Error):
    """The operation was cancelled between two steps."""

    code = "cancelled"


class Transient(Error):
    """Worth trying again after `retry_after_s` seconds."""

    code = "transient"

    def __init__(
        self, message: str, *, subject: str = "", hint: str = "", retry_after_s: float = 1.0
    ) -> None:
        super().__init__(message, subject=subject, hint=hint)
        self.retry_after_s = retry_after_s


class Bug(Error):
    """A state that our own code promised could not happen."""

    code = "bug"
