"""The API's manners: who may ask, what an error looks like, what is open."""

from __future__ import annotations

import json

import httpx
import pytest

from holdfast.core.layout import API_PORT
from tests.integration.control.plane import TOKEN, Plane

# A control plane is started again and again here, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def plane(shared_plane: Plane) -> Plane:
    return shared_plane


@pytest.fixture
def client(plane: Plane) -> httpx.Client:
    return plane.client


def test_only_health_is_open(plane: Plane, client: httpx.Client) -> None:
    stranger = httpx.Client(base_url=client.base_url, verify=plane.tls)
    health = stranger.get("/v1/health")
    assert health.status_code == 200
    assert health.json() == {"status": "ok", "version": "0.1.0", "site": "0badcafe"}
    for path in ("/v1/operations", "/v1/openapi.json", "/metrics", "/v1/nowhere", "/"):
        for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": TOKEN}):
            answer = stranger.get(path, headers=header)
            assert answer.status_code == 401, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["code"] == "forbidden"
    stranger.close()
    assert TOKEN not in plane.log


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/nowhere", None, 404, "not-found"),
        ("GET", "/v1/operations/op-x", None, 404, "not-found"),
        ("POST", "/v1/operations/op-x/cancel", None, 404, "not-found"),
        ("GET", "/v1/operations/op-x/events", None, 404, "not-found"),
        ("DELETE", "/v1/operations", None, 405, "failed"),
        ("POST", "/v1/operations", b"{", 422, "invalid"),
        ("POST", "/v1/operations", b"{}", 422, "invalid"),
        ("POST", "/v1/operations", b'{"kind": "six", "colour": 1}', 422, "invalid"),
        ("POST", "/v1/operations", b'{"kind": "unheard-of"}', 422, "invalid"),
        ("POST", "/v1/operations", b'{"kind": "fails"}', 422, "invalid"),
        ("POST", "/v1/operations", b'{"kind": "six", "database": "../x"}', 422, "invalid"),
        ("GET", "/v1/operations?database=..%2Fx", None, 422, "invalid"),
        ("GET", "/v1/databases/..", None, 404, "not-found"),
        ("GET", "/v1/databases/%2E%2E%5Cx/dsn", None, 422, "invalid"),
        ("GET", "/v1/databases/a%20b", None, 422, "invalid"),
        ("DELETE", "/v1/databases/O'x", None, 422, "invalid"),
        ("GET", "/v1/databases/nowhere", None, 404, "not-found"),
        ("GET", "/v1/operations?limit=0", None, 422, "invalid"),
        ("GET", "/v1/operations?state=asleep", None, 422, "invalid"),
        ("GET", "/v1/operations/x/events?wait_s=21", None, 422, "invalid"),
    ],
)
def test_every_error_is_a_problem(
    client: httpx.Client, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.request(method, path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:holdfast:error:{code}"
    assert problem["detail"]


def test_a_validation_error_names_the_field_and_not_its_value(client: httpx.Client) -> None:
    answer = client.post("/v1/operations", json={"kind": ["s3cret"], "on_conflict": "s3cret"})
    findings = answer.json()["findings"]
    assert {finding["subject"] for finding in findings} == {"body.kind", "body.on_conflict"}
    assert "s3cret" not in answer.text


def test_a_large_body_is_refused(client: httpx.Client) -> None:
    wanted = {"kind": "six", "request": {"blob": "x" * 5_000_000}}
    answer = client.post("/v1/operations", content=json.dumps(wanted))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_openapi_describes_every_route(client: httpx.Client) -> None:
    document = client.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert {"/v1/health", "/v1/operations", "/v1/operations/{operation_id}/events"} <= set(
        document["paths"]
    )
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["description"] or operation["summary"]


def test_plain_http_is_not_answered(plane: Plane, client: httpx.Client) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{plane.address}:{API_PORT}/v1/health", timeout=5)


def test_metrics(plane: Plane, client: httpx.Client) -> None:
    plane.finished(plane.submit("six"))
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'holdfast_operations{state="succeeded"} 1' in lines
    assert 'holdfast_operations{state="failed"} 0' in lines
    assert 'holdfast_build_info{version="0.1.0"} 1' in lines
    assert "holdfast_evidence_leaves 2" in lines  # it was asked for, and it ended
    assert "holdfast_evidence_signed_leaves 0" in lines  # nobody signs in this plane
    assert any(line.startswith("process_cpu_seconds_total ") for line in lines)
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
