"""Errors as JSON: how they reach the control database, and the requester from there."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core import errors
from holdfast.core.change import Json
from holdfast.core.errors import Bug, Error, Invalid, TimedOut
from holdfast.core.render_findings import finding_from_json, findings_json

_CLASSES: dict[str, type[Error]] = {
    thing.code: thing
    for thing in vars(errors).values()
    if isinstance(thing, type) and issubclass(thing, Error)
}


def to_json(error: BaseException, *, step: str = "") -> dict[str, Json]:
    """Code, message, subject, hint and findings of an error; `step` names where it happened.

    An exception that is not ours counts as a bug: its type and text are kept.
    """
    known = as_error(error)
    findings = known.findings if isinstance(known, Invalid) else ()
    return {
        "code": known.code,
        "message": known.message,
        "subject": known.subject,
        "hint": known.hint,
        "findings": findings_json(findings),
        "step": step,
    }


def from_json(data: Mapping[str, Json]) -> Error:
    """The error that `to_json` was given; an unknown code becomes a plain `Error`."""
    kind = _CLASSES.get(data["code"], Error)
    if kind is Invalid:
        findings = [finding_from_json(finding) for finding in data["findings"]]
        return Invalid(data["message"], findings, hint=data["hint"])
    return kind(data["message"], subject=data["subject"], hint=data["hint"])


def as_error(error: BaseException) -> Error:
    """The error itself, or what an exception of another library means to us."""
    if isinstance(error, Error):
        return error
    if isinstance(error, TimeoutError):
        return TimedOut(str(error) or "a deadline passed")
    text = str(error)
    return Bug(
        f"{type(error).__name__}: {text}" if text else type(error).__name__,
        hint="read the operation's log, and report it as a bug",
    )
