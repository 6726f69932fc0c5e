"""Errors survive the way through JSON."""

from __future__ import annotations

import json

import pytest

from holdfast.core import errors
from holdfast.core.errors import Bug, Error, Invalid, TimedOut
from holdfast.core.finding import Finding, Location, Severity
from holdfast.workflows.failure import from_json, to_json

KINDS = [
    thing
    for thing in vars(errors).values()
    if isinstance(thing, type) and issubclass(thing, Error) and thing is not Invalid
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_comes_back(kind: type[Error]) -> None:
    data = json.loads(json.dumps(to_json(kind("no", subject="it", hint="Do."), step="s")))
    error = from_json(data)
    assert type(error) is kind
    assert (error.message, error.subject, error.hint) == ("no", "it", "Do.")
    assert (data["code"], data["step"]) == (kind.code, "s")


def test_findings_come_back() -> None:
    findings = (
        Finding("a.b", Severity.ERROR, "x", "m", "h", Location("f", 3, 4, "p"), {"seen": 1}),
        Finding("a.c", Severity.WARNING, "y", "n"),
    )
    error = from_json(json.loads(json.dumps(to_json(Invalid("no", findings)))))
    assert isinstance(error, Invalid)
    assert error.findings == findings


def test_what_is_not_ours_is_a_bug_or_a_deadline() -> None:
    assert to_json(KeyError("x"))["code"] == Bug.code
    assert to_json(KeyError("x"))["message"] == "KeyError: 'x'"
    assert to_json(TimeoutError())["code"] == TimedOut.code
