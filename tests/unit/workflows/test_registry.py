"""Workflows are found, not listed."""

from __future__ import annotations

import inspect

import pytest

from holdfast.core.errors import Invalid
from holdfast.workflows.registry import workflows


def test_every_workflow_has_an_async_body_of_run_and_request() -> None:
    found = workflows()
    assert {"apply", "delete", "switchover"} <= set(found)
    for kind, workflow in found.items():
        assert workflow.kind == kind
        assert inspect.iscoroutinefunction(workflow.body)
        assert [*inspect.signature(workflow.body).parameters] == ["run", "request"]
        assert inspect.getdoc(workflow.body)
        assert workflow.fields is not None, f"say in FIELDS what a request of {kind} may have"


def test_a_request_with_a_field_that_nobody_reads_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        workflows()["drill"].refuse({"drill": "kill-primary", "sede": 1, "x": 1})
    findings = caught.value.findings
    assert [each.subject for each in findings] == ["body.request.sede", "body.request.x"]
    assert "it takes drill, seed, load, consent and force" in findings[0].message
    assert findings[0].hint == "did you mean seed?"
    with pytest.raises(Invalid):
        workflows()["verify"].refuse({"x": 1})
    workflows()["drill"].refuse({"drill": "kill-primary"})
