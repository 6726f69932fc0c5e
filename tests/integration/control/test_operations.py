"""Operations through the API of a real control plane."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.control.plane import Plane

# A control plane is started again and again here, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def running(plane: Plane) -> Plane:
    plane.start()
    return plane


def test_failures_reach_the_requester(shared_plane: Plane) -> None:
    one = shared_plane.finished(shared_plane.submit("fails", how="not-found"))
    assert one["state"] == "failed"
    assert one["error"] == {
        "code": "not-found",
        "message": "there is no moon",
        "subject": "moon",
        "hint": "Look up.",
        "findings": [],
        "step": "burst",
    }
    two = shared_plane.finished(shared_plane.submit("fails", how="findings"))
    [finding] = two["error"]["findings"]
    assert finding["message"] == "no tier 'x'"
    assert finding["location"] == {"file": "orders.yaml", "line": 3, "column": 5, "path": "tier"}
    three = shared_plane.finished(shared_plane.submit("fails", how="burst"))
    assert three["error"]["code"] == "bug"
    assert three["error"]["message"] == "ZeroDivisionError: division by zero"
    log = shared_plane.events(three["id"])["log"]
    assert [line["level"] for line in log] == ["debug", "error"]
    assert "Traceback" in log[0]["text"]
    four = shared_plane.finished(shared_plane.submit("fails", how="not-json"))
    assert "returned something that is not JSON" in four["error"]["message"]


def test_transient_errors_are_tried_again_until_a_deadline(shared_plane: Plane) -> None:
    good = shared_plane.finished(shared_plane.submit("flaky", times=3))
    assert good["outcome"] == {"said": "at last"}
    bad = shared_plane.finished(shared_plane.submit("flaky", times=99, retry_for_s=0.5))
    assert (bad["state"], bad["error"]["code"]) == ("failed", "transient")


def test_events_arrive_as_they_happen(shared_plane: Plane) -> None:
    operation_id = shared_plane.submit("long", steps=5)
    after, lines, states, polls = -1, [], {}, 0
    while True:
        events = shared_plane.events(operation_id, after=after, wait_s=20)
        assert events["cursor"] >= after
        after, polls = events["cursor"], polls + 1
        lines += [line["text"] for line in events["log"]]
        states |= {step["name"]: step["state"] for step in events["steps"]}
        if events["operation"]["finished_at"]:
            break
    assert lines == [f"line {number}" for number in range(5)]
    assert states == {f"part-{n}": "succeeded" for n in range(5)} | {"clean-up": "succeeded"}
    assert polls > 5
    first = shared_plane.events(operation_id)["steps"][0]
    assert first["detail"]["progress"] == {"done": 0, "total": 5, "text": "rows copied"}
    assert first["started_at"] < first["finished_at"]


def _all_told(plane: Plane, operation_id: str) -> int:
    """The cursor after everything that a `long` says before it works in silence."""
    for _ in range(20):
        told = plane.events(operation_id)
        if told["log"] and any("progress" in one["detail"] for one in told["steps"]):
            return int(told["cursor"])
        plane.events(operation_id, after=told["cursor"], wait_s=5)
    raise AssertionError(told)


def test_waiting_for_news_ends_when_there_is_none(shared_plane: Plane) -> None:
    operation_id = shared_plane.submit("long", steps=1, seconds=20)
    cursor = _all_told(shared_plane, operation_id)
    # The operation says nothing for 20 s; an answer at all means that the wait has an end.
    events = shared_plane.events(operation_id, after=cursor, wait_s=0.5)
    assert (events["steps"], events["log"], events["cursor"]) == ([], [], cursor)


def test_one_at_a_time_on_a_database_in_order(running: Plane) -> None:
    ids = [running.submit("long", steps=2, seconds=0.05) for _ in range(3)]
    other = running.submit("long", database="invoices", steps=1, seconds=0.05)
    done = [running.finished(one) for one in ids]
    for before, after in itertools.pairwise(done):
        assert before["finished_at"] <= after["started_at"]
    assert running.finished(other)["started_at"] < done[1]["started_at"]


def test_two_requests_at_once_and_one_is_refused(running: Plane) -> None:
    def post(_number: int) -> httpx.Response:
        wanted = {"kind": "long", "database": "orders", "request": {"steps": 100}}
        return running.client.post("/v1/operations", json=wanted | {"on_conflict": "refuse"})

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    [winner] = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    problem = next(answer.json() for answer in answers if answer.status_code == 409)
    assert problem["code"] == "conflict"
    assert winner in problem["detail"]
    assert winner in problem["hint"]


def test_cancelling_between_two_steps_still_cleans_up(running: Plane) -> None:
    operation_id = running.submit("long", steps=50)
    behind = running.submit("six")
    running.await_running(operation_id)
    asked = running.client.post(f"/v1/operations/{operation_id}/cancel")
    assert (asked.status_code, asked.json()["cancel_requested"]) == (202, True)
    operation = running.finished(operation_id)
    assert operation["state"] == "cancelled"
    assert "cancelled before step" in operation["error"]["message"]
    steps = running.events(operation_id)["steps"]
    assert [steps[-2]["state"], steps[-1]["state"]] == ["cancelled", "succeeded"]
    assert steps[-1]["name"] == "clean-up"
    assert running.finished(behind)["state"] == "succeeded"
    again = running.client.post(f"/v1/operations/{operation_id}/cancel").json()
    assert again["state"] == "cancelled"


def test_a_queued_operation_is_cancelled_at_once(running: Plane) -> None:
    first = running.submit("long", steps=100)
    second = running.submit("six")
    assert running.client.post(f"/v1/operations/{second}/cancel").json()["state"] == "cancelled"
    running.client.post(f"/v1/operations/{first}/cancel")
    running.finished(first)
    assert running.calls == ["clean-up"]


def test_listing(running: Plane) -> None:
    ids = [running.submit("six", database=name) for name in ("a", "b", "a")]
    for one in ids:
        running.finished(one)
    listed = running.client.get("/v1/operations").json()
    assert [one["id"] for one in listed] == ids[::-1]
    of_a = running.client.get("/v1/operations", params={"database": "a"}).json()
    assert [one["id"] for one in of_a] == [ids[2], ids[0]]
    failed = running.client.get("/v1/operations", params={"state": "failed"}).json()
    assert failed == []
    assert len(running.client.get("/v1/operations", params={"limit": 1}).json()) == 1
    assert listed[0]["actor"] == "tester"
