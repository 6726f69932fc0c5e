"""Workflows are found, not listed."""

from __future__ import annotations

import inspect

from holdfast.workflows.registry import workflows


def test_every_workflow_has_an_async_body_of_run_and_request() -> None:
    found = workflows()
    assert {"apply", "delete", "switchover"} <= set(found)
    for kind, workflow in found.items():
        assert workflow.kind == kind
        assert inspect.iscoroutinefunction(workflow.body)
        assert [*inspect.signature(workflow.body).parameters] == ["run", "request"]
        assert inspect.getdoc(workflow.body)
