"""The command line against a real control plane, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.integration.control.plane import SOURCES, Plane

# A control plane is started again and again here, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def running(plane: Plane) -> Plane:
    plane.start()
    return plane


def _environment(plane: Plane) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(SOURCES), "HOLDFAST_HOME": str(plane.folder)}


def _spawn(plane: Plane, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli.main", *arguments],
        env=_environment(plane),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def _await_line(process: subprocess.Popen[str], beginning: str) -> None:
    """Return once the process said so on stderr; it says something every few seconds."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(beginning):
            return
    raise AssertionError(f"the process ended without saying {beginning!r}")


def _run(plane: Plane, *arguments: str) -> tuple[int, str, str]:
    process = _spawn(plane, *arguments)
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def test_watching_to_a_good_end(shared_plane: Plane) -> None:
    operation_id = shared_plane.submit("six", seconds=0.1)
    code, stdout, stderr = _run(shared_plane, "op", "watch", operation_id)
    assert code == 0, stderr
    assert stdout.splitlines()[0].split() == ["ID", "KIND", "DATABASE", "STATE", "AGE", "TOOK"]
    assert stdout.splitlines()[1].split()[:4] == [operation_id, "six", "orders", "succeeded"]
    lines = [line for line in stderr.splitlines() if line.startswith("succeeded")]
    assert [line.split()[1] for line in lines] == [f"step-{k}" for k in range(1, 7)]


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("not-found", 7, "holdfast: fails failed at 'burst': there is no moon\n  hint: Look up."),
        ("findings", 2, "orders.yaml:3:5: error: no tier 'x'"),
        ("burst", 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_bad_end_is_the_end_of_the_watcher(
    shared_plane: Plane, how: str, code: int, words: str
) -> None:
    operation_id = shared_plane.submit("fails", how=how)
    ended, stdout, stderr = _run(shared_plane, "op", "watch", operation_id, "-o", "json")
    assert ended == code
    assert words in stderr
    assert f"holdfast op show {operation_id} --log" in stderr
    assert json.loads(stdout)["state"] == "failed"


def test_a_deadline_and_an_interruption_leave_the_operation_alone(shared_plane: Plane) -> None:
    operation_id = shared_plane.submit("six", seconds=1.0)
    code, _, stderr = _run(shared_plane, "op", "watch", operation_id, "--timeout", "500ms")
    assert code == 5
    assert f"rejoin it with `holdfast op watch {operation_id}`" in stderr
    watcher = _spawn(shared_plane, "op", "watch", operation_id)
    _await_line(watcher, "succeeded  step-1")
    watcher.send_signal(signal.SIGINT)
    _, stderr = watcher.communicate(timeout=60)
    assert watcher.returncode == 130
    assert f"operation {operation_id} goes on in the background" in stderr
    assert f"holdfast op watch {operation_id}" in stderr
    assert "Traceback" not in stderr
    assert shared_plane.finished(operation_id)["state"] == "succeeded"


def test_a_watcher_outlives_the_control_plane(running: Plane) -> None:
    operation_id = running.submit("six", seconds=0.4)
    watcher = _spawn(running, "op", "watch", operation_id)
    _await_line(watcher, "succeeded  step-1")
    running.processes[-1].kill()
    running.processes[-1].wait(timeout=10)
    _await_line(watcher, "the control plane does not answer; waiting for it, the operation goes on")
    running.start()
    stdout, stderr = watcher.communicate(timeout=60)
    assert watcher.returncode == 0, stderr
    assert "succeeded" in stdout


def test_listing_showing_cancelling(running: Plane) -> None:
    good = running.submit("six")
    running.finished(good)
    long = running.submit("long", database="invoices", steps=100)
    code, stdout, _ = _run(running, "op", "list", "-o", "name")
    assert (code, stdout.split()) == (0, [long, good])
    code, stdout, _ = _run(running, "op", "list", "--database", "orders", "-o", "json")
    assert [one["id"] for one in json.loads(stdout)] == [good]
    code, stdout, _ = _run(running, "op", "show", good, "--log")
    assert code == 0
    assert "step-6  succeeded" in stdout
    assert "about to do 6" in stdout
    code, _, stderr = _run(running, "op", "cancel", long)
    assert code == 0, stderr
    assert running.finished(long)["state"] == "cancelled"
    code, _, stderr = _run(running, "op", "watch", long)
    assert code == 1
    assert "cancelled before step" in stderr


def test_a_queued_operation_that_was_cancelled_has_words_too(running: Plane) -> None:
    running.submit("long", steps=20)
    second = running.submit("six")
    assert _run(running, "op", "cancel", second)[0] == 0
    code, _, stderr = _run(running, "op", "watch", second)
    assert code == 1
    assert f"operation {second} was cancelled" in stderr


def test_verbs_start_operations(shared_plane: Plane) -> None:
    code, _, stderr = _run(shared_plane, "switchover", "orders")
    assert code == 2
    assert "there is no operation of the kind 'switchover'" in stderr
    code, _, stderr = _run(shared_plane, "drill", "orders", "kill-primary")
    assert code == 2
    assert "add --yes" in stderr


def test_what_is_not_there(shared_plane: Plane) -> None:
    for arguments in (("op", "show", "op-x"), ("op", "watch", "op-x"), ("op", "cancel", "op-x")):
        code, stdout, stderr = _run(shared_plane, *arguments)
        assert (code, stdout) == (7, "")
        assert stderr == (
            "holdfast: there is no operation 'op-x'\n  hint: list them with `holdfast op list`\n"
        )
    code, _, stderr = _run(shared_plane, "describe", "nowhere")
    assert code == 7
    assert "there is no database 'nowhere'" in stderr


def test_one_thing_is_printed_as_one_document(shared_plane: Plane) -> None:
    code, stdout, stderr = _run(shared_plane, "get", "tiers", "tier-2", "-o", "yaml")
    assert code == 0, stderr
    assert stdout.startswith("apiVersion: holdfast/v1\nkind: Tier\nname: tier-2\n")
    code, _, stderr = _run(shared_plane, "get", "tiers", "tier-9")
    assert code == 7
    assert "there is no tier 'tier-9'\n  hint: choose one of tier-0" in stderr
    operation_id = shared_plane.submit("six")
    code, stdout, _ = _run(shared_plane, "get", "operations", operation_id, "-o", "json")
    assert (code, json.loads(stdout)["id"]) == (0, operation_id)
    code, stdout, _ = _run(shared_plane, "get", "operations", operation_id)
    assert stdout.splitlines()[1].split()[0] == operation_id


def test_a_wrong_token_and_an_unreadable_one(running: Plane) -> None:
    token = running.folder / "api.token"
    token.write_text("another")
    code, _, stderr = _run(running, "op", "list")
    assert code == 6
    assert f"does not know the token in {token}" in stderr
    assert "HOLDFAST_HOME" in stderr
    token.unlink()
    assert _run(running, "op", "list")[0] == 1


def test_a_control_plane_that_is_down(plane: Plane) -> None:
    code, stdout, stderr = _run(plane, "op", "list")
    assert (code, stdout) == (1, "")
    assert "the control plane does not answer at https://127." in stderr
    assert "run `holdfast up`" in stderr
