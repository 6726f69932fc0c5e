"""Errors as problems."""

from __future__ import annotations

import json

from holdfast.api.problems import problem
from holdfast.core.errors import Invalid, Refused, Transient
from holdfast.core.finding import Finding, Severity


def test_a_problem_carries_what_the_error_carries() -> None:
    answer = problem(Refused("no", subject="database x", hint="Ask."))
    assert answer.status_code == 403
    assert json.loads(answer.body) == {
        "type": "urn:holdfast:error:refused",
        "title": "refused",
        "status": 403,
        "detail": "no",
        "code": "refused",
        "subject": "database x",
        "hint": "Ask.",
        "findings": [],
    }


def test_findings_are_listed() -> None:
    answer = problem(Invalid("wrong", [Finding("a.b", Severity.ERROR, "x", "m")]))
    [finding] = json.loads(answer.body)["findings"]
    assert (finding["id"], finding["severity"], finding["message"]) == ("a.b", "error", "m")


def test_what_passes_says_when_to_come_back() -> None:
    assert problem(Transient("busy", retry_after_s=2.4)).headers["retry-after"] == "2"
