"""Whatever kills the control plane, an operation goes on to the same result."""

from __future__ import annotations

import itertools
import signal
import time
from pathlib import Path

import psycopg
import pytest

from tests.integration.control.plane import Plane

# A control plane is started again and again here, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)

SIX = [f"step-{number}" for number in range(1, 7)]
DIAMOND = ["begin", "a", "b", "c", "d", "e", "f", "end"]


def _run_with_kills(plane: Plane, kind: str, kills: list[str]) -> dict:
    """Run an operation whose process dies once at every one of these places."""
    for place in kills:
        (plane.folder / f"kill-{place}").touch()
    process = plane.start()
    operation = plane.submit(kind)
    for _ in kills:
        assert process.wait(timeout=40) == -signal.SIGKILL, plane.log
        process = plane.spawn()
    return plane.finished(operation)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sequence_survives_a_kill_in_every_step(plane: Plane, when: str) -> None:
    operation = _run_with_kills(plane, "six", [f"{when}-{name}" for name in SIX])
    assert operation["state"] == "succeeded", operation
    assert operation["outcome"] == {"names": SIX}
    assert operation["attempts"] == 7
    # The killed step ran twice, every other one once: nothing that had completed was repeated.
    assert plane.calls == list(itertools.chain.from_iterable((name, name) for name in SIX))
    assert plane.effects == SIX
    events = plane.events(operation["id"])
    assert [(step["name"], step["state"]) for step in events["steps"]] == [
        (name, "succeeded") for name in SIX
    ]
    # What a body logs between its steps is not repeated by a replay.
    assert [line["text"] for line in events["log"]] == [f"about to do {k}" for k in range(1, 7)]


def test_a_graph_survives_a_kill_in_every_step(plane: Plane) -> None:
    before, after = ("begin", "b", "d", "f"), ("a", "c", "e", "end")
    kills = [f"before-{name}" for name in before] + [f"after-{name}" for name in after]
    operation = _run_with_kills(plane, "diamond", kills)
    assert operation["state"] == "succeeded", operation
    assert operation["outcome"] == {"names": ["a", "b", "c", "d", "e", "f"]}
    assert plane.effects == sorted(DIAMOND)
    calls = plane.calls
    for first, then in (("begin", "a"), ("a", "b"), ("a", "c"), ("e", "f"), ("f", "end")):
        assert max(i for i, name in enumerate(calls) if name == first) < calls.index(then)
    assert calls.index("d") > max(calls.index("b"), calls.index("c"))


def test_a_graph_that_failed_stays_failed_after_a_kill(plane: Plane) -> None:
    plane_process = plane.start()
    (plane.folder / "kill-before-clean-up").touch()
    operation_id = plane.submit("broken-graph")
    assert plane_process.wait(timeout=40) == -signal.SIGKILL
    plane.spawn()
    operation = plane.finished(operation_id)
    assert operation["state"] == "failed"
    assert operation["error"] == {
        "code": "refused",
        "message": "it is forbidden on Sundays",
        "subject": "database orders",
        "hint": "Wait.",
        "findings": [],
        "step": "bad",
    }
    # The one beside the failure finished; nothing new was begun, also not by the replay.
    assert sorted(plane.calls) == ["bad", "clean-up", "clean-up", "good"]
    states = {step["name"]: step["state"] for step in plane.events(operation_id)["steps"]}
    assert states == {
        "bad": "failed",
        "good": "succeeded",
        "never": "skipped",
        "late": "skipped",
        "later": "skipped",
        "clean-up": "succeeded",
    }


def test_a_kill_from_outside_at_any_moment(plane: Plane) -> None:
    process = plane.start()
    operation_id = plane.submit("six", seconds=0.15)
    for name in ("step-1", "step-3", "step-6"):
        plane.await_call(name)
        process.kill()
        process.wait(timeout=10)
        process = plane.start()
    operation = plane.finished(operation_id)
    assert operation["outcome"] == {"names": SIX}
    assert plane.effects == SIX


def test_a_graceful_stop_lets_the_step_end_and_the_next_process_goes_on(plane: Plane) -> None:
    process = plane.start()
    operation_id = plane.submit("six", seconds=0.5)
    plane.await_call("step-2")
    process.terminate()
    assert process.wait(timeout=30) == 0, plane.log
    assert plane.calls == plane.effects  # no step was cut off
    assert "Traceback" not in plane.log
    plane.start()
    assert plane.finished(operation_id)["outcome"] == {"names": SIX}
    assert plane.calls == SIX


def test_a_second_control_plane_waits_and_takes_over(plane: Plane, url: str, tmp_path) -> None:
    first = plane.start()
    operation_id = plane.submit("six", seconds=0.5)
    second = Plane(url, plane.folder)
    try:
        second.spawn()
        deadline = time.monotonic() + 40
        while "standby: another process runs the operations" not in plane.log:
            assert time.monotonic() < deadline, plane.log
            time.sleep(0.05)
        first.kill()
        first.wait(timeout=10)
        second.await_health()
        assert second.finished(operation_id)["outcome"] == {"names": SIX}
    finally:
        second.close()


def test_a_second_control_plane_that_waits_ends_when_it_is_told_to(
    plane: Plane, url: str, tmp_path: Path
) -> None:
    plane.start()
    second = Plane(url, plane.folder)
    try:
        process = second.spawn()
        deadline = time.monotonic() + 40
        while "standby: another process runs the operations" not in plane.log:
            assert time.monotonic() < deadline, plane.log
            time.sleep(0.05)
        process.terminate()
        process.wait(timeout=10)
    finally:
        second.close()


def test_a_lost_connection_to_the_control_database_fails_nothing(plane: Plane) -> None:
    process = plane.start()
    operation_id = plane.submit("six", seconds=0.4)
    for name in ("step-1", "step-3", "step-5"):
        plane.await_call(name)
        with psycopg.connect(plane.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    operation = plane.finished(operation_id)
    assert operation["outcome"] == {"names": SIX}, plane.log
    assert plane.calls == SIX
    assert process.poll() is None


def test_who_lost_the_lock_to_another_is_gone(plane: Plane) -> None:
    process = plane.start()
    with psycopg.connect(plane.url, autocommit=True) as thief:
        row = thief.execute(
            "SELECT ((classid::bigint << 32) | objid::bigint), pid FROM pg_locks"
            " WHERE locktype = 'advisory' AND objsubid = 1 AND pid IN"
            " (SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast lock')"
        ).fetchone()
        assert row is not None
        thief.execute("SELECT pg_terminate_backend(%s)", (row[1],))
        thief.execute("SELECT pg_advisory_lock(%s::bit(64)::bigint)", (row[0],))
        assert process.wait(timeout=40) == 3, plane.log


def test_a_kind_that_the_next_release_lacks_fails_in_words(plane: Plane) -> None:
    with psycopg.connect(plane.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO holdfast.operation (id, kind, request, state, started_at, actor)"
            " VALUES ('op-old', 'ancient', '{}', 'running', now(), 'me')"
        )
    plane.start()
    operation = plane.finished("op-old")
    assert operation["state"] == "failed"
    assert operation["error"]["message"] == "this release has no operation of the kind 'ancient'"
